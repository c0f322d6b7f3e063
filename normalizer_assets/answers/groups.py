"""Sets of category groups whose names are read alike.

Belongs here: which groups the basic rules treat as one kind. Does not belong here: what is
read from them (``attributes``, ``models``), and how a listing gets its group (``intake``).
"""

FOOD = ("beverages", "groceries", "dairy", "pet_food")
CARE = ("cleaning", "personal_care", "perfumes", "cosmetics", "pharmacy", "baby", "other")
SCREENED = ("smartphones", "notebooks", "tablets", "televisions", "monitors")
COMPUTING = ("smartphones", "notebooks", "tablets", "storage", "consoles")
TECHNOLOGY = (*SCREENED, "storage", "consoles", "headphones")
WORN = ("clothing", "footwear")
HOUSEHOLD = ("appliances", "small_appliances", "tools", "lighting")
DEVICES = (*TECHNOLOGY, *HOUSEHOLD)
COLOURED = (*DEVICES, *WORN, "toys", "cosmetics", "baby", "other")
