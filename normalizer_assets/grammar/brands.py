"""Brands sold in Chile: how they are written, and which one a text names.

Belongs here: the gazetteer (public knowledge, by section of a shop), product lines
that belong to one maker, and looking both up. Does not belong here: which of two
readings of a listing wins (``answers/rules.py``).

A brand that is also an ordinary word ("Ideal", "Costa") counts only in the
category groups of its section. Spellings are compared folded and without
punctuation, so accents and hyphens need no aliases.
"""

from functools import lru_cache
from typing import NamedTuple

import polars as pl

from normalizer_assets.grammar.text import fold, words

SECTION_GROUPS: dict[str, tuple[str, ...]] = {
    "technology": (
        "smartphones", "notebooks", "tablets", "televisions", "monitors", "storage", "consoles",
        "headphones",
    ),
    "home": ("appliances", "small_appliances", "lighting", "tools"),
    "food": ("beverages", "groceries", "dairy"),
    "care": ("cleaning", "personal_care", "perfumes", "cosmetics", "pharmacy", "baby"),
    "fashion": ("clothing", "footwear", "toys"),
    "pets": ("pet_food",),
    "other": ("other",),
}  # fmt: skip


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (" ".join(item.split()) for item in text.split(","))))


BRANDS: dict[str, tuple[str, ...]] = {
    "technology": _listed(
        """
        Apple, Samsung, Fantech, Gear, Xiaomi, Motorola, Huawei, Honor, Oppo, Vivo, Realme, Nokia,
        OnePlus, ZTE, TCL, Alcatel, Google, LG, Sony, Panasonic, Philips, Hisense, Caixun, AOC,
        Kioto, Skyworth, Toshiba, Sharp, JVC, Haier, Hyundai, RCA, Master-G, Recco, Lenovo, HP,
        Hewlett Packard, Dell, Asus, Acer, MSI, Gigabyte, Aorus, Alienware, Razer, Microsoft,
        Avita, Chuwi, Exo, Thomson, Gateway, Dynabook, Viewsonic, BenQ, Kingston, Western Digital,
        WD, Seagate, SanDisk, Crucial, Adata, Corsair, HyperX, Logitech, Redragon, Cougar, Trust,
        SteelSeries, JBL, Bose, Beats, Sennheiser, Skullcandy, Jabra, Anker, Soundcore, Edifier,
        Audio-Technica, AKG, Marshall, Harman Kardon, Klip Xtreme, Maxell, Nintendo, PlayStation,
        Xbox, Epson, Canon, Brother, Nikon, GoPro, DJI, Garmin, Fitbit, Amazfit, TP-Link, D-Link,
        Mercusys, Tenda, Ubiquiti, Linksys, Roku, Amazon, Tapo, Ezviz, Hikvision, Belkin, Spigen,
        OtterBox, Ugreen, Baseus, Nothing, Infinix, Tecno, Doogee, Ulefone, Blackview, Poco, Black
        Shark, iRobot, Roborock, Dreame, Ecovacs, Wacom, PNY, Lexar, Team Group, Patriot, Geil,
        G.Skill, Zotac, Palit, EVGA, Sapphire, XFX, ASRock, Thermaltake, Cooler Master, NZXT,
        Deepcool, Antec, Genius, Targus, Nexxt, Forza, APC, Valve, Meta, Oculus, Turtle Beach,
        Astro, Plantronics, Poly, Pioneer, Yamaha, Denon, Onkyo, Polk, Sonos, Bang & Olufsen,
        Tribit, Haylou, QCY, Moondrop, Shokz, Aiwa, Blik, Mlab, Microlab, Monster, Irt, Blaupunkt,
        Telefunken, Hitachi
        """
    ),
    "home": _listed(
        """
        Mademsa, Mabe, Maytag, Galanz, Candy, Hoover, Indesit, Beko, Gree, Carrier, Fensa,
        Electrolux, Daewoo, Winia, Midea, Whirlpool, Bosch, Sindelen, Trotter, Oster, Thomas,
        Ursus Trotter, Ufesa, Moulinex, Tefal, Nespresso, Dolce Gusto, Philco, Somela, Kendal,
        Albin Trotter, Splendid, FDV, Teka, Consul, General Electric, Frigidaire, Libero, Maigas,
        Cuisinart, KitchenAid, Black+Decker, Black & Decker, Magefesa, Nex, Wurden, Hamilton
        Beach, Kenwood, Braun, Remington, Gama, Babyliss, Rowenta, Karcher, Dyson, Shark, Ninja,
        DeLonghi, Smeg, Clatronic, Blanik, Easy Ways, Khone, Anwo, Junkers, Rheem, Neckar, Makita,
        DeWalt, Stanley, Skil, Dremel, Einhell, Bauker, Truper, Milwaukee, Total, Ingco, Hilti,
        Redline, Karson, Ubermann, Topex, Irwin, Bahco, Tramontina, Stihl, Husqvarna, Osram,
        Ledvance, Westinghouse, Lumax, Byp, 3M, Sipa, Ceresita, Tricolor, Sherwin Williams,
        Vileda, Ilko, Marinex, Pyrex, Cristar, Nadir, Luminarc, Tupperware, Rubbermaid, Wenco,
        Colombina, Rosen, CIC, Flex, Celta, Mantahue, Cannon Home, Casa Joven
        """
    ),
    "food": _listed(
        """
        Coca-Cola, Fanta, Sprite, Pepsi, Bilz, Pap, Kem, Canada Dry, Crush, Limón Soda, 7Up, Red
        Bull, Monster, Score, Gatorade, Powerade, Cachantun, Vital, Benedictino, Watt's, Andina
        del Valle, Del Valle, Cristal, Escudo, Royal Guard, Heineken, Corona, Stella Artois,
        Budweiser, Becker, Kunstmann, Austral, Kross, Patagonia, Dolbek, Báltica, Brahma, Quilmes,
        Coors, Miller, Royal Dutch, Blue Moon, Cusqueña, Guayacán, Morenita, Dorada, Capel,
        Mistral, Alto del Carmen, Control, Bauzá, Horcón Quemado, Mal Paso, El Gobernador, Johnnie
        Walker, Jack Daniel's, Chivas Regal, Ballantine's, Absolut, Smirnoff, Stolichnaya,
        Bacardi, Havana Club, Pampero, Barceló, Beefeater, Bombay Sapphire, Tanqueray, Gordon's,
        Baileys, Jägermeister, Campari, Aperol, Concha y Toro, Casillero del Diablo, Gato Negro,
        Santa Rita, Undurraga, Emiliana, Errázuriz, Viu Manent, San Pedro, Castillo de Molina,
        Santa Carolina, Cono Sur, Montes, Misiones de Rengo, Santa Helena, Tarapacá, Carmen,
        Cousiño Macul, Ventisquero, Morandé, Lapostolle, Valdivieso, Viñamar, Riccadonna,
        Freixenet, Martini, Tocornal, Exportación, Nescafé, Juan Valdez, Marley Coffee, Lavazza,
        Starbucks, Monterrey, Cruzeiro, Lipton, Twinings, Supremo, Té Club, Club, Emblem, Dilmah,
        Milo, Cola Cao, Nesquik, Zuko, Livean, Clight, Tang, Sprim, Soprole, Colun, Nestlé, Nido,
        Svelty, Loncoleche, Surlat, Quillayes, Danone, Activia, Oikos, Calo, Lechera, La Lechera,
        Philadelphia, Los Fundos, Santa Rosa, San Ignacio, Puerto Varas, Dos Álamos, Chamyto,
        Sahne Nuss, Trencito, Super 8, Costa, McKay, Ambrosoli, Arcor, Bauducco, Oreo, Nik,
        Tritón, Carozzi, Lucchetti, Trattoria, Barilla, San Remo, Don Vittorio, Talliani, Suazo,
        Selecta, Mont Blanc, Tucapel, Banquete, Aruba, Miraflores, Zaror, Iansa, Cuisine & Co,
        Great Value, Acuenta, Máxima, Home Care, Nuestra Cocina, Merkat, Frutos del Maipo, Minuto
        Verde, La Cuisine, Wasil, Esmeralda, Dos Caballos, Malloa, Aconcagua, Centauro, Robinson
        Crusoe, San José, Angelmo, Van Camp's, Deyco, Geomar, Lomitón, Colorado, Pomarola,
        Hellmann's, Kraft, Heinz, Don Juan, JB, Traverso, Maggi, Knorr, Gourmet, Natuezen, Natura,
        Chef, Belmont, Miraflor, Bonanza, Mazola, Ideal, Castaño, Pan Pierre, Fuchs, Bimbo, Lay's,
        Doritos, Cheetos, Marco Polo, Evercrisp, Kryzpo, Pringles, Tika, Kellogg's, Quaker,
        Chocapic, Trix, Fitness, Vivo, Nature Valley, In Natura, Ecovida, San Jorge, PF, Super
        Cerdo, Super Pollo, Ariztía, La Crianza, Agrosuper, Sopraval, Receta del Abuelo, La
        Preferida, Llanquihue, Winter, Zwan, Montina, El Golfo, Trendy, Bresler, Savory, Magnum,
        Guallarauco, Friboi, Cavendish, Halls, Mentos, Trident, Beldent, Ferrero Rocher, Kinder,
        Nutella, Milka, Toblerone, Lindt, Snickers, M&M's, Bon o Bon, Dos en Uno, Calaf, Vizzio,
        Ecoterra, Yemita, NotCo, NotMilk, NotMayo, Not Burger, Silk, Ades, Nature's Heart, Orasi,
        Jumex, Citric, Florida's Natural, Afe, Andina, Ensure, Maruchan, Ajinomoto, Oregón, La
        Española, Kardamili, Talca, Nova Roma, Olave, Las Doscientas, Borges, Carbonell, Lefersa,
        Collico, Mas Sano, Edra, Gullón, Sanissimo, Grandiet, Ritter Sport, La Costeña, Pancho
        Villa, Old El Paso, Doña Isabel, Pampa Linda, La Anita, Marchigüe, Daily Fresh, Dole,
        Chiquita, Yogu Yogu, Manjarate, Shake a Shake, Sureña, Regimel, Iansa Agro, La Molisana,
        Divella, De Cecco, Tabasco, Nestum, Cerelac, Capri, Fini, Sierra Morena, Tres Erres,
        Kühne, Gato Blanco, Clos de Pirque, Bon Yurt
        """
    ),
    "care": _listed(
        """
        Dove, Rexona, Axe, Nivea, Pantene, Head & Shoulders, Herbal Essences, Sedal, TRESemmé,
        Elvive, L'Oréal, L'Oréal París, Garnier, Fructis, Maybelline, Revlon, Vogue, Essence,
        Catrice, NYX, Max Factor, Rimmel, MAC, Clinique, Estée Lauder, Lancôme, Vichy, La
        Roche-Posay, Eucerin, CeraVe, Cetaphil, Neutrogena, Avène, Bioderma, ISDIN, Uriage, The
        Ordinary, Natura, Avon, Esika, Cyzone, L'Bel, Yves Rocher, Kérastase, Redken, Schwarzkopf,
        Syoss, Koleston, Wella, Excellence, Casting, Familand, Ballerina, Simond's, Lux, Le Sancy,
        Protex, Palmolive, Colgate, Oral-B, Sensodyne, Pepsodent, Listerine, Aquafresh, Gillette,
        Schick, Bic, Venus, Old Spice, Speed Stick, Lady Speed Stick, Etiquet, Monix, Kotex,
        Nosotras, Always, Ladysoft, Tena, Plenitud, Cotidian, Confort, Elite, Noble, Nova, Scott,
        Favorita, Acuenta, Huggies, Pampers, Babysec, Emubaby, Johnson's Baby, Johnson's, Johnson
        & Johnson, Baby Dove, Mustela, Chicco, Avent, Nuk, Dr. Brown's, Tommee Tippee, Gerber,
        Nan, S-26, Similac, Enfamil, Nidal, Blemil, Ariel, Omo, Drive, Rinso, Ace, Bold, Skip,
        Popeye, Fuzol, Downy, Comfort, Woolite, Vanish, Clorox, Clorinda, Impeke, Lysol, Lysoform,
        Poett, Glade, Air Wick, Brise, Igenix, Quix, Magistral, Virutex, Scotch-Brite, Cif, Mr.
        Músculo, Harpic, Pato Purific, Pato, Raid, Baygon, Virginia, Brillina, Excell, Astra,
        Finish, Somat, Tanax, Off!, Chanel, Dior, Christian Dior, Carolina Herrera, Paco Rabanne,
        Rabanne, Jean Paul Gaultier, Giorgio Armani, Armani, Emporio Armani, Calvin Klein, Hugo
        Boss, Boss, Versace, Dolce & Gabbana, Yves Saint Laurent, Givenchy, Gucci, Prada,
        Burberry, Bvlgari, Hermès, Kenzo, Issey Miyake, Lacoste, Ralph Lauren, Tommy Hilfiger,
        Montblanc, Cartier, Azzaro, Thierry Mugler, Mugler, Davidoff, Lanvin, Nina Ricci,
        Cacharel, Antonio Banderas, Banderas, Benetton, Adolfo Domínguez, Shakira, Ariana Grande,
        Britney Spears, Paris Hilton, Elizabeth Arden, Halloween, Jesús del Pozo, Moschino,
        Valentino, Tom Ford, Jo Malone, Creed, Lattafa, Armaf, Afnan, Maison Alhambra, Agatha Ruiz
        de la Prada, Coty, Salvatore Ferragamo, Ferragamo, Michael Kors, Jimmy Choo, Coach,
        Narciso Rodriguez, Loewe, Tapsin, Kitadol, Panadol, Aspirina, Bayer, Dolocam, Nastizol,
        Trioval, Mintlab, Saval, Recalcine, Andrómaco, Opko, Medipharm, Pharma Investi, Abbott,
        Redoxon, Berocca, Centrum, Supradyn, Pharmaton, Bion3, Vitamin Way, Sundown, Nature Made,
        Eno, Sal de Fruta Eno, Gaviscon, Nexium, Armonyl, Hansaplast, Leukoplast, Nexcare, Durex,
        Lifestyles, Omron, Accu-Chek, Aveno, Hipoglós, Bepanthol, Bepanthen, Cicatricure, Asepxia,
        Goicoechea, Pond's, Lubriderm, Vaseline, Hinds, Banana Boat, Hawaiian Tropic, Raytan,
        Petrizzio, Pamela Grant, Dbs, Ruby Rose, Wet n Wild, e.l.f., Bissú, Tangle Teezer,
        Naturella, Glassex, Cillit Bang
        """
    ),
    "fashion": _listed(
        """
        Nike, adidas, Adidas Originals, Puma, Reebok, New Balance, Asics, Under Armour, Skechers,
        Converse, Vans, Fila, Umbro, Diadora, Mizuno, Saucony, Brooks, Hoka, On Running, Salomon,
        Merrell, Columbia, The North Face, Patagonia, Lippi, Doite, Hi-Tec, Caterpillar, CAT,
        Timberland, Dr. Martens, Crocs, Birkenstock, Havaianas, Ipanema, Bata, Bubble Gummers,
        North Star, Weinbrenner, Hush Puppies, Gacel, Azaleia, Via Marte, Levi's, Lee, Wrangler,
        Guess, Tommy Jeans, Gap, H&M, Zara, Mango, Esprit, Basement, Sybilla, Americanino,
        Mossimo, University Club, Newport, Christian Lacroix, Marquis, Alaniz, Opposite, Foster,
        Ellus, Wados, Maui and Sons, Rip Curl, Quiksilver, Billabong, Roxy, Volcom, Hurley, DC
        Shoes, Element, Fox, Ferouch, Wolf & Hank, Cardinale, Arrow, Dockers, Nautica, Trial,
        Fiorucci, Ralph Lauren, Kayser, Caffarena, Monarch, Jockey, Triumph, Leonisa, Champion,
        Kappa, Le Coq Sportif, Ellesse, Topper, Joma, Lotto, Mattel, Barbie, Hot Wheels,
        Fisher-Price, Hasbro, Nerf, Lego, Playmobil, Play-Doh, Transformers, Disney, Marvel,
        Funko, Bandai, Ravensburger, Clementoni, Chicco, VTech, Melissa & Doug, Paw Patrol, L.O.L.
        Surprise, Monopoly, Uno, Crayola, Faber-Castell, Artel, Samsonite, Saxoline, Wilson,
        Casio, Swatch, Fossil, Citizen, Seiko, Ray-Ban, Oakley, Pillin, Colloky, Ficcus, Opaline,
        Yamp, Carter's, OshKosh, Infanti, Bebesit, Cosco, Graco
        """
    ),
    "pets": _listed(
        """
        Pedigree, Whiskas, Dog Chow, Cat Chow, Purina, Pro Plan, Purina Pro Plan, Excellent,
        Felix, Friskies, Doko, Champion Dog, Champion Cat, Champion, Master Dog, Master Cat, Royal
        Canin, Hill's, Eukanuba, Acana, Orijen, Nomade, Cannes, Fit Formula, Bravery, Brit, Brit
        Care, Taste of the Wild, Nutrience, Cachupín, Sabrokan, Dreamies, Temptations, Frontline,
        NexGard, Bravecto, Simparica, Advantage, Kongo, Traper, Mimaskot, Leonardo, Josera,
        Belcando, Wellness, Gatsy, Pacha
        """
    ),
    "other": _listed(
        """
        Rolex, Torre, Proarte, Rhein, Pelikan, Stabilo, Sharpie, Pilot, Paper Mate, Post-it,
        Scotch, Duracell, Energizer, Rayovac, Varta, Castrol, Mobil, Shell, Bridgestone, Michelin,
        Goodyear, Pirelli, Trek, Oxford, Bianchi, Coleman, Thermos, Contigo, Igloo
        """
    ),
}
"""Section of a shop -> brands as they are answered, before upper-casing."""

ORDINARY_WORDS = frozenset(
    _listed(
        """
        ace, aconcagua, advantage, always, amazon, andina, antec, ariel, arrow, aruba, astra,
        astro, austral, banquete, basement, becker, belmont, bold, boss, bravery, brit, brooks,
        brother, calo, candy, cannes, carmen, castano, casting, cat, celta, centauro, champion,
        chef, club, coach, colombina, colorado, comfort, confort, consul, control, corona, costa,
        cougar, cristal, crush, cruzeiro, dole, dorada, drive, element, elite, emblem, eno,
        escudo, esmeralda, esprit, essence, excell, excellence, excellent, exo, exportacion,
        favorita, felix, finish, fitness, flex, forza, foster, fox, fuchs, gap, gateway, gear,
        genius, gerber, google, gourmet, guess, halloween, honor, ideal, igloo, jockey, kem,
        lechera, lee, leonardo, libero, lux, mac, mango, marquis, martini, maxima, meta, miller,
        mistral, mobil, monster, monterrey, montes, morenita, nan, natura, newport, nex, nik,
        ninja, noble, nomade, nothing, nova, off, on running, opposite, oxford, pacha, pampa
        linda, pap, patagonia, pato, patriot, pilot, pioneer, poco, polk, poly, rosen, san jose,
        santa rosa, sapphire, score, scotch, scott, selecta, shark, sharp, shell, skip, splendid,
        stanley, super 8, supremo, talca, tang, team group, tecno, thermos, thomas, torre, total,
        trek, trendy, trial, tricolor, triumph, trust, uno, venus, virginia, vital, vivo, vogue,
        wd, wellness, winter
        """
    )
)
"""Folded brands that count only in the category groups of their section."""

LINES: dict[str, tuple[str, ...]] = {
    "Apple": (
        "iphone", "ipad", "macbook", "imac", "mac mini", "mac studio", "airpods", "apple watch",
        "airtag", "homepod",
    ),
    "Samsung": ("galaxy",),
    "Sony": ("playstation", "ps5", "ps4", "ps3", "bravia", "dualsense", "dualshock"),
    "Microsoft": ("xbox",),
    "Motorola": ("moto g", "moto e", "moto edge", "motorola edge"),
    "Xiaomi": ("redmi",),
    "Lenovo": ("thinkpad", "ideapad"),
    "Asus": ("vivobook", "zenbook"),
    "Amazon": ("kindle", "echo dot", "fire tv"),
    "Google": ("chromecast",),
}  # fmt: skip
"""Product lines that belong to one maker beyond doubt (DESIGN.md, "Labelling")."""

NO_BRAND = (
    "", "generico", "generica", "sin marca", "s m", "n a", "no aplica", "otras marcas", "otros",
    "otro", "varios", "marca propia", "null", "none", "nan", "na", "ninguna", "importado",
)  # fmt: skip
"""What shops write, folded, into a brand field when there is no brand."""


class Gazetteer(NamedTuple):
    """Folded spellings, ready to be looked up.

    Attributes:
        spellings: Folded spelling -> brand as it is answered, in upper case.
        by_section: Section -> the spellings that count there.
        lines: Spellings that are a product line, not the brand itself.
    """

    spellings: dict[str, str]
    by_section: dict[str, tuple[str, ...]]
    lines: tuple[str, ...]


def spelling_of(brand: str) -> str:
    """Folded words of a brand, the form in which gazetteer spellings are looked up."""
    return str(pl.select(words(fold(pl.lit(brand)))).item()).strip()


@lru_cache(maxsize=8)
def gazetteer(extra: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> Gazetteer:
    """The built-in brands and lines with a user's own.

    Args:
        extra: Brand as it should be written, and its further spellings
            (``GrammarConfig.brands`` as sorted items, which can be hashed). They
            count in every category group and win over the built-in ones.

    Returns:
        The gazetteer; building it folds some thousand words, hence the cache.
    """
    named = [(s, b, b) for s, row in BRANDS.items() for b in row]
    named += [("", line, brand) for brand, lines in LINES.items() for line in lines]
    named += [("", text, brand) for brand, more in extra for text in (brand, *more)]
    folded = pl.DataFrame(named, schema=["section", "text", "brand"], orient="row").with_columns(
        words(fold(pl.col("text"))).str.strip_chars(" ").alias("spelling"),
        pl.col("brand").str.to_uppercase(),
    )
    spellings = dict(folded.select("spelling", "brand").iter_rows())
    everywhere = {
        spelling
        for section, spelling in folded.select("section", "spelling").iter_rows()
        if not section or spelling not in ORDINARY_WORDS
    }
    return Gazetteer(
        spellings,
        {
            section: tuple(
                sorted(
                    everywhere | set(folded.filter(pl.col("section") == section)["spelling"]),
                    key=lambda spelling: (-len(spelling), spelling),
                )
            )
            for section in SECTION_GROUPS
        },
        tuple(line for lines in LINES.values() for line in lines),
    )


def spelling_in(
    folded_words: pl.Expr, category_group: pl.Expr, known: Gazetteer | None = None
) -> pl.Expr:
    """The first spelling of a brand or a line that a text carries.

    Args:
        folded_words: String expression from ``text.words``.
        category_group: String expression; decides which ordinary words are brands.
        known: Gazetteer to look in; ``None`` for the built-in one.

    Returns:
        String expression, a key of ``Gazetteer.spellings``; null where none is named.
        The longest spelling wins over one that it begins with ("santa rita" over
        "santa"). What follows "para" is the thing that an accessory fits.
    """
    known = known or gazetteer()
    own = folded_words.str.replace_many(
        {
            f" {word} {spelling} ": " "
            for word in ("para", "compatible con", "compatible", "for")
            for spelling in known.by_section["technology"]
        },
        leftmost=True,
    )
    found = pl.lit(None, dtype=pl.String)
    for section, groups in SECTION_GROUPS.items():
        first = own.str.extract_many(
            [f" {spelling} " for spelling in known.by_section[section]], leftmost=True
        ).list.first()
        found = pl.when(category_group.is_in(groups)).then(first).otherwise(found)
    return found.str.strip_chars(" ")


def brand_of(name: pl.Expr, category_group: pl.Expr, known: Gazetteer | None = None) -> pl.Expr:
    """The brand that a name states, by the gazetteer.

    Args:
        name: String expression as landed.
        category_group: String expression, one of ``CATEGORY_GROUPS``.
        known: Gazetteer to look in; ``None`` for the built-in one.

    Returns:
        String expression in upper case, accents as the brand writes them; null
        where the name states none that is known.
    """
    known = known or gazetteer()
    return spelling_in(words(fold(name)), category_group, known).replace_strict(
        known.spellings, default=None, return_dtype=pl.String
    )


def stated_words(brand: pl.Expr) -> pl.Expr:
    """Folded words of a row's own brand field, null where it says that there is none.

    Args:
        brand: String expression, the landed brand field; may be null.

    Returns:
        String expression such as ``"head shoulders"``.
    """
    named = words(fold(brand)).str.strip_chars(" ").str.extract(r"^(.*[\p{L}0-9].*)$")
    return named.replace(dict.fromkeys(NO_BRAND))


def stated_brand(brand: pl.Expr) -> pl.Expr:
    """A row's own brand field in upper case, null where it says that there is none.

    Args:
        brand: String expression, the landed brand field; may be null.

    Returns:
        String expression in upper case, accents kept.
    """
    return pl.when(stated_words(brand).is_not_null()).then(
        brand.str.replace_all(r"\s+", " ").str.strip_chars().str.to_uppercase()
    )
