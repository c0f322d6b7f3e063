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

from normalizer_assets.grammar.products import DEVICE_WORDS, GOODS_WORDS
from normalizer_assets.grammar.text import fold, words

LEAST_ROWS = 2
"""Rows that must state a brand before it is looked for in other names."""

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
        Anbernic, Nex,
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
        Telefunken, Hitachi, Xtech, Argom, Havit, Gamdias, Primus, Klipsch, Bowers & Wilkins,
        Technics, Crown Mustang, Nakamichi, Multilaser, Positivo, PCBox, Vulcan, Olidata, Gadnic,
        Kodak, Fujifilm, Insta360, Polaroid, Instax, Xerox, Ricoh, Lexmark, Zebra, Kensington,
        Kingspec, Hiksemi, Verbatim, Transcend, Silicon Power, Apacer, XPG, Inno3D, Galax,
        Gainward, PowerColor, Zagg, ESR, Mophie, Ringke, UAG, Case-Mate, Native Union, TiVo,
        Mobvoi, Coros, Suunto, Polar, Withings, Huami, Mibro, Imilab, Zepp, Oraimo, Oukitel,
        Cubot, Umidigi, Itel, Kyocera, Vankyo, Wanbo, Magcubic, XGIMI, Optoma, InFocus, Newline,
        Kalley, Challenger, Olimpo, Premier, Riviera, Microsonic, Westpoint, Trotec, 8BitDo, Hori,
        PowerA, Nacon, Thrustmaster, Subsonic, Sega, Atari, Capcom, Ubisoft, EA Sports, LaCie,
        TeamGroup, HMD, Vizzion, GameSir, Elgato, Creative, Vsonic, Logitech G,
        Zowie, Tagwood, Levoit, Aqara, Govee, Blink, Ring, Sonoff, Shelly, Wyze, Eero, Netgear,
        Mikrotik, Synology, Qnap, Hyperkin,
        Netac, Koorui, Beyerdynamic, Soundpeats, KZ, Teclast, Powkiddy, Retroid, Miyoo,
        Gulikit, Onikuma, Fifine, Maono, Tronsmart, Zeblaze, Kieslect, Hotwav, Alldocube,
        Ritmix, Xiaoxin, Ninkear, Beelink, GMKtec, Minisforum, Sceptre, Innocn, Titan Army,
        Arzopa, Akaso, Arlo, Reolink, Imou, Dahua, Cudy, Ruijie, Keenetic, Moza, Fanatec, PDP,
        Backbone, FiiO, Audeze, Philco, Sanyo, Sankey, Noblex, BGH, Ken Brown, Enova
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
        Colombina, Rosen, CIC, Flex, Celta, Mantahue, Cannon Home, Casa Joven, NutriBullet, GA.MA,
        Gama Italy, Singer, Janome, Bosca, Khöne, Gardena, Ingersoll, Emaresa, Rotoplas, Hoffens,
        Vinilit, Stretto, Nibsa, Fas, Moen, Grohe, Roca, Briggs, Trébol, Albin, Cata, Franke,
        Elica, Drija, Longvie, Ariston, Baxi, Toyotomi, Kerona, Rinnai, Sanyo, Fujitsu, Bissell,
        Eufy, iLife, Tineco, Ursus, Magic Chef, Nikkei, Kitchen Master, Imusa, Instant Pot,
        Crock-Pot, Hamilton, Wilton, Krea, Mica, Joseph Joseph, Zwilling, Victorinox, Wusthof,
        Arcos, Brinox, Lock&Lock, Hydro Flask, Yeti, Dolce Vita, Flexit, Spring Air, Sealy, Mamut,
        Fischer, Sika, Sikaflex, Loctite, Henkel, Pattex, Agorex, Tigre, Dykno, Kolor, Revor,
        Chilcorrofin, Stierplan, Creizet, Passol, Tajamar, WD-40, Metabo, Ryobi, Ridgid, Worx,
        Toolcraft, Gladiator, Briggs & Stratton, Honda, Toyama, Echo, Oregon, McCulloch, Flymo,
        Garden Master, Ilumax, Feit, Sylvania, Signify, Eglo, Philips Hue, Wiz, Yeelight,
        Nanoleaf, Vta, Luxolight, Demasled, Lynx, Ambassador, Mallory, Daikin, Cosori, Breville,
        Wahl, Levoit, IKEA, Scanavini, Megabright, Olimpia Splendid, Edelbrock, Truper Expert,
        Drean, Conair, Yale, Odis, Poli, Lioi, Geo,
        Topaz, Vitel, Dairu, Indura, Redimix, Cave,
        Clark, Taurus, Rimax, Jafi, Favatex, Kingsbury, Drimkip,
        Kubli, Uyustools, Krafter, Homy, Tuhome, Dohler, Kronos, Pretul, Foset, Volteck,
        Hermex, Fiero, Vonder, Nagano, Hikoki, Dongcheng, Wadfow, Jadever, Emtop, Knipex, Wera,
        Wiha, Gedore, Irimo, Facom, Tactix, Amesti, Kazoo, Kalfire, Tosot, Nuuk, Winco, Yelmo,
        Peabody, Ultracomb, Smartlife, Suono, Vinotemp, Krups, Gaggia, Ariete, Girmi, Solac,
        Cecotec, Ikohs, Govee, Sengled, Tecnolite
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
        Kühne, Gato Blanco, Clos de Pirque, Bon Yurt, Sadia, Seara, Aurora, Swift, Marfrig,
        Perdix, Don Pollo, Campo Lindo, Cecinas Venezia, San Camilo, La Estancia, Cuinat, Cerro
        Negro, Landes, Cook & Co, Pesca Chile, Omega Pesca, Mr. Chips, Tostitos, Ruffles, Stax,
        Barcel, Takis, Chis Pop, Fruna, Hucke, Crackelet, Morocha, Obsesión, Museo, Din Don, Kuky,
        Gallo, Puyehue, Jahuel, Porvenir, Perrier, Evian, San Pellegrino, Nordic Mist, Schweppes,
        Inca Kola, Guaraná Antarctica, Aquarius, Monster Energy, Rockstar, Battery, Mr. Big,
        Dynamite, Sol, Dos Equis, Amstel, Modelo, Grolsch, Paulaner, Erdinger, Guinness, Szot,
        Tübinger, Spoh, Rothhammer, Cuello Negro, Volcanes del Sur, Mestra, Granizo, Jester,
        Stones, Mike's, Cabrito, Waqar, Espíritu de los Andes, Diablito, Devil's
        Collection, Frontera, Marqués de Casa Concha, Trio, Don Melchor, Sunrise, Almaviva,
        Terrunyo, Medalla Real, Tres Medallas, Los Vascos, Casa Silva, Luis Felipe Edwards,
        Montgras, Koyle, Leyda, Veramonte, Matetic, Casas del Bosque, Estampa, Bisquertt,
        Chocalán, Siegel, Doña Dominga, Perez Cruz, De Martino, Odfjell, Aresti, Balduzzi,
        Gillmore, J. Bouchon, Miguel Torres, Amaral, Chandon, Moët & Chandon, Veuve Clicquot,
        Mumm, Olmeca, José Cuervo, Jim Beam, Jameson, Grant's, Passport, J&B, Old Parr, Cutty
        Sark, Sandy Mac, Cacique, Zacapa, Diplomático, Abuelo, Flor de Caña, Mitjans, Araucano,
        Cinzano, Fernet Branca, Kahlúa, Amarula, Cointreau, Disaronno, Licor 43, Haití, Dolca,
        Bonafide, Cabrales, Illy, Melitta, Tres Corazones, Ahmad, Té Cambridge, Basilur, Taylors,
        Adelgatea, Cachamai, Nobleza Gaucha, Taragüí, Pipore, Amanda, Rosamonte, Canarias, Hunts,
        Del Monte, La Torre, Montefiore, Tulio, Cidacos, Frescatto, Wetraud, Mexicali, Casa
        Fiesta, Blue Diamond, Los Robles, Millantú, Pancho, Tostaditas, Good Foods, Fruitivity,
        Nutrisco, Qualitá, Bon Bon Bum, Kegol, Colombo, Emporio La Rosa, San Francisco de
        Loncomilla, Chomp, Crocanty, Danky, Egocéntrico, Haagen-Dazs, Ben & Jerry's, Grido, Lo
        Valdivia, Lehmann, Ruta Maya, Pacel, Next, Uno, Kumey, Las Parcelas de Valdivia, Valle
        Verde, Mulpulmo, Alpina, Vilay, La Vaquita, Cremosita, Deline, Banda, Dorina, Qualy,
        Mazeite, Capullo, Terramater, Alonso, Petralia, Kardámili, Deleyda, Huasco, Oliveto,
        Royal, A de Coco, Chevrita, BioSal, Havanna, McCain, Lurpak, Ile de France, L'OR, Yagán,
        Hendrick's, Kikkoman, Campanario, Electrolit, Big Time,
        Sapito, Muibon, Kapo, Orange Crush, Frugelé, Fruggy, Frunatural,
        Palo Alto, Piduco, Fresita, Kalnapilis, Alpaca, Coliseo, Adobe, Damm, Frugo,
        Daily, Aukas, Invictas, Tunquen, Camino Real, Ambar, Baron Philippe de
        Rothschild, Los Conventos, Terra Andina, Toro de Piedra, Chilensis,
        Maquis, Garces Silva, Amayna, Calyptra, Tabalí, Loma Larga, Villard, Kingston,
        Bonella, Yoplait, Santa Marta,
        Cecinas Llanquihue, Ariztia, Los Tilos, Dos Alamos, Chilolac, Lonco Leche, Wild
        Protein, Your Goal, In Nature, Manare, Terrium, Brota, Guayacan, Tubinger, Mossto,
        D'Olbek, Tamango, Tarapaca, Errazuriz, Santa Ema, Morande,
        Zanetti, Garoto, Manantial, Viña Mar, Camil
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
        Valentino, Tom Ford, Jo Malone, Creed, Lattafa, Armaf, Victoria's Secret, Afnan, Maison
        Alhambra, Agatha Ruiz de la Prada, Coty, Salvatore Ferragamo, Ferragamo, Michael Kors,
        Jimmy Choo, Coach, Narciso Rodriguez, Loewe, Tapsin, Kitadol, Panadol, Aspirina, Bayer,
        Dolocam, Nastizol, Trioval, Mintlab, Saval, Recalcine, Andrómaco, Opko, Medipharm, Pharma
        Investi, Abbott, Redoxon, Berocca, Centrum, Supradyn, Pharmaton, Bion3, Vitamin Way,
        Sundown, Nature Made, Eno, Sal de Fruta Eno, Gaviscon, Nexium, Armonyl, Hansaplast,
        Leukoplast, Nexcare, Durex, Lifestyles, Omron, Accu-Chek, Aveno, Hipoglós, Bepanthol,
        Bepanthen, Cicatricure, Asepxia, Goicoechea, Pond's, Lubriderm, Vaseline, Hinds, Banana
        Boat, Hawaiian Tropic, Raytan, Petrizzio, Pamela Grant, Dbs, Ruby Rose, Wet n Wild,
        e.l.f., Bissú, Tangle Teezer, Naturella, Glassex, Cillit Bang, Laboratorio Chile, Maver,
        Beiersdorf, Knop, Ultratech, Ascend, Tecnofarma, Deutsche Pharma, Novartis, Pfizer, Roche,
        Sanofi, Merck, GSK, Haleon, Procter & Gamble, Genfar, Vick, Vicks, Mentholatum, Cofal,
        Dolorub, Calorub, Salonpas, Ibupirac, Actron, Advil, Tylenol, Nogesic, Zaldiar, Predual,
        Rigotax, Abrilar, Bisolvon, Mucolin, Clarimir, Nasonex, Afrin, Otrivin, Systane, Refresh,
        Renu, Opti-Free, Eye Mo, Lacri-Lube, Dulcolax, Hepabionta, Disfruta, Perenteryl,
        Enterogermina, Biogaia, Floratil, Simeco, Maalox, Pepto-Bismol, Ensure, Glucerna,
        Pediasure, Nutren, Fortisip, Vita-Gen, Elevit, Natele, Natalben, Femibion, FNL, Wellplus,
        Winkler, Nutrapharm, Aquasolar, Eurolab, Gold Nutrition, Optimum Nutrition, Dymatize, BSN,
        MuscleTech, Universal Nutrition, Insane Labz, Herbalife, Newscience, Prater, Cotosan, Kn
        Care, Band-Aid, Medipore, Microlife, Beurer, Prudence, Preventor, Sico, K-Y, Clearblue,
        Babytest, Dr. Selby, Nivea Men, Brut, Barbasol, Veet, Nair, Depilissima, Byly, Sally
        Hansen, OPI, Essie, Masglo, Colorama, Organix, OGX, Tío Nacho, Novex, Haskell, Inoar,
        Salon Line, Skala, Issue, Biolage, Matrix, L'Oréal Professionnel, Alfaparf, Moroccanoil,
        Olaplex, Aussie, Suave, Bambi, Plusbelle, Linic, Ego, Nutrisse, Olia, Palette, Igora,
        Clairol, Just For Men, Dento, Fluordent, PHB, Gum, Vitis, Curaprox, Lacer, Kin, Corega,
        Fixodent, Polident, Reach, Carefree, Donnasept, Winny, Pequeñín, Babyland, Tena Lady,
        Pigeon, MAM, Munchkin, Philips Avent, Bebé Due, Babybel, Kiddy, Joie, Maxi-Cosi, Cybex,
        Britax, Safety 1st, Bbqueen, Weleda, Aveeno, Sebamed, Dermaglos, Umbrella, Eryplast,
        Nutraderm, Nuskin, A-Derma, Ducray, Klorane, Sesderma, SVR, Filorga, Caudalie, Nuxe,
        Lierac, Sisley, Shiseido, Kiehl's, Benefit, Urban Decay, Too Faced, Anastasia Beverly
        Hills, Huda Beauty, Fenty Beauty, Rare Beauty, Bobbi Brown, Nars, Smashbox, Tarte, Morphe,
        Kylie, Bourjois, Deborah, Pupa, Kiko, Flormar, Golden Rose, Physicians Formula, Covergirl,
        Almay, Milani, Jordana, L.A. Girl, L.A. Colors, Beauty Creations, Ushas, Pink 21, Sheglam,
        Etude, Innisfree, Missha, Cosrx, Some By Mi, Beauty of Joseon, Laneige, Mizon, Holika
        Holika, Tony Moly, Skin1004, Anua, Bio-Oil, Palmer's, St. Ives, Jergens, Curel, Cicaplast,
        Babaria, Nutrabel, Heno de Pravia, Jean Les Pins, Barzelatto, Atrix, Dettol, Familia,
        Lirio, Bioderm, Aromax, Bio Frescura, Ensueño, Suavitel, Vivere, Mimosin, Fabuloso,
        Pinesol, Pine-Sol, Ajax, Mr Clean, Klin, Impeke Plus, Clorogel, Arom, Nuncas, Ecover,
        Method, Seventh Generation, Cleanbag, Trapex, Virulana, Abolengo, Swan, Orchid, Scottex,
        Kleenex, Regio, Premier, Charmin, Bounty, Ziploc, Glad, Alusa, Alusa Foil, Reynolds, Kapo,
        Fuyi, Vape, Autan, Off, Vais, Flaño, Bath & Body Works, Al Haramain, Diesel, OneTouch,
        Allergan, O.B., Medela, Bref, Rituals, The Body Shop, Sol de
        Janeiro, Mixsoon, Mediheal, Byoma, Good Molecules, Paula's Choice, Heliocare, Photoderm,
        Cantabria, Umbral, Tresemme, Mane 'n Tail, Marc Anthony, Not Your Mother's, John
        Frieda, Batiste, Got2b, Fudge, Elnett, Fa, Heno, Sanytol, Zorro, Dreft, Persil, Bonux,
        Vel, Lava, Axion, Salvo, Coppertone, Bagovit, Dermacol,
        Zolben, Difem,
        Valmy, Plum Chemistry, Perry Ellis, Etienne, Samy, Ésika, Yanbal, Round Lab, Torriden,
        Medicube, Numbuzin, Tocobo, Tirtir, The Inkey List, Elf, Real Techniques, Ecotools,
        Rasasi, Fragrance World, French Avenue, Zimaya, Orientica, Bharara,
        Savital, Buscapina, Lord Cheseline
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
        Yamp, Carter's, OshKosh, Infanti, Bebesit, Cosco, Graco, JanSport, New Era, Palmers,
        Barbados, Tricot, Aldo, Steve Madden, Clarks, Ecco, Geox, Pollini, 16 Hrs, 16 Horas,
        Mingo, Guante, Calpany, Panama Jack, Rockford, Zappa, Chancleta, Vizzano, Moleca, Beira
        Rio, Piccadilly, Usaflex, Ramarim, Dakota, Modare, Olympikus, Rainha, Penalty, Athletic,
        Athix, Kelme, Macron, Marathon, Everlast, Speedo, Arena, Tyr, Babolat, Head, Bullpadel,
        Yonex, Spalding, Molten, Penn, Dunlop, Prince, Mormaii, O'Neill, Reef, Rusty, Protest,
        Burton, Mammut, Arc'teryx, Marmot, Haka Honu, Andesgear, Ansilta, Montagne, Outdoor
        Research, Osprey, Deuter, Thule, Eastpak, Herschel, Totto, Xtrem, Delsey, American
        Tourister, Bubba Bags, Secret, Kipling, Amphora, Mario Hernández, Vélez, Calvin Klein
        Jeans, Diesel, Pepe Jeans, Desigual, Superdry, Jack & Jones, Vero Moda, Selected, Forever
        21, Bershka, Pull & Bear, Stradivarius, Massimo Dutti, Oysho, Uniqlo, Abercrombie,
        Hollister, Aéropostale, American Eagle, Old Navy, Banana Republic, Carhartt, Dickies,
        Wolverine, Red Wing, Spyder, Helly Hansen, Sperry, Keds, Superga, DVS, Etnies, Globe,
        Santa Cruz, Thrasher, Stance, Burlington, Selene, Flores, Intime, Bésame, Women'secret,
        Lounge, Lili Pink, Otto, Limonada, Broadway, Baby Harvest, Mota, Cheeky, Gymboree, Disney
        Baby, Baby Alive, Furby, My Little Pony, Littlest Pet Shop, Polly Pocket, Monster High,
        Enchantimals, Masha y el Oso, Peppa Pig, Bluey, Cocomelon, Pinypon, Famosa, Simba, Dickie
        Toys, Bruder, Siku, Majorette, Maisto, Bburago, Schleich, Papo, Safari, Sylvanian
        Families, Zuru, X-Shot, Bunch O Balloons, Spin Master, Bakugan, Kinetic Sand, Beyblade,
        Pokémon, Educa, Trefl, Eurographics, Catan, Devir, Ludipark, Galápagos, Hasbro Gaming,
        Mattel Games, Jenga, Rubik's, Rubik, Megableu, Goliath, Winning Moves, Mega Bloks, K'nex,
        Magna-Tiles, Lincoln Logs, Little Tikes, Step2, Smoby, Injusa, Peg Perego, Rollplay,
        Razor, Oxelo, Rollerblade, Intex, Bestway, Banzai, Caran d'Ache, Jovi, Alpino, Giotto,
        Maped, Staedtler, Isofit, Colón, Auca, Ross, Kores, Pritt, UHU, Fruit of the Loom,
        Carhartt WIP, On, Edelbrock, Matchbox, L.O.L. Surprise!, Hering, Hang Ten, Penguin, Brooks
        Brothers, Scalpers, El Ganso, Sfera, Stefano Cocci, Privilege, Michelle Belau, Index, Real
        Love, Doo Australia, Stitch, Hello Kitty, Sanrio, Bratz, Rainbow High, Gabby's Dollhouse,
        Jurassic World, Star Wars, Harry Potter, Sonic, Super Mario, Minecraft, Fortnite, Roblox,
        Tamagotchi, Beyblade X, Magformers, Plus-Plus, Djeco, Janod, Hape, Goula, Kidkraft,
        Infantino, Skip Hop, Bright Starts, Tiny Love, Lamaze,
        Mikasa,
        Umbrale, Baziani, Weide, Nazca, Ferracini, Kidscool, Mashini, Ragged, Garantido, Kjus,
        Rossignol, Descente, Bruno Rossi, Albano, Jarman, Flora Danica, Moose, Squishmallows,
        Banpresto, Good Smile
        """
    ),
    "pets": _listed(
        """
        Pedigree, Whiskas, Dog Chow, Cat Chow, Purina, Pro Plan, Purina Pro Plan, Excellent,
        Felix, Friskies, Doko, Champion Dog, Champion Cat, Champion, Master Dog, Master Cat, Royal
        Canin, Hill's, Eukanuba, Acana, Orijen, Nomade, Cannes, Fit Formula, Bravery, Brit, Brit
        Care, Taste of the Wild, Nutrience, Cachupín, Sabrokan, Dreamies, Temptations, Frontline,
        NexGard, Bravecto, Simparica, Advantage, Kongo, Traper, Mimaskot, Leonardo, Josera,
        Belcando, Wellness, Gatsy, Pacha, Inaba, Vitakraft, Tetra, Sera, Beaphar, Versele-Laga,
        Padovan, Trixie, Ferplast, Kong, Chuckit, Catit, Petmate, Petsafe, Furminator, Tropiclean,
        Wahl, Seresto, Revolution, Advocate, Comfortis, Credelio, Drag Pharma, Hill's Science
        Diet, Science Diet, Prescription Diet, Nutra Nuggets, Diamond, Canidae, Blue Buffalo,
        Merrick, Fromm, Nulo, Instinct, Solid Gold, Earthborn, Holistic, Nutro, Iams, Sheba,
        Cesar, Dogui, Gati, Sabueso, Champion Katt, Tyson, Bokato, Doguitos, Fawna, Infinity,
        Amity, Nath, Equilibrio, Biofresh, Guabi Natural, Vitalcan, Old Prince, Sieger, Maxi Can,
        Optimum, Mira Mar, America Litter, Odour Buster, Sanicat, Tidy Cats, Ever Clean, Fresh
        Step, Nutram, Cunipic, Farmina, N&D, Science Plan, Cachupin, Wanpy, Vitapet,
        Zeedog, Snacky, Biomax, Optimal, Zoetis,
        Charly
        """
    ),
    "other": _listed(
        """
        Rolex, Torre, Proarte, Rhein, Pelikan, Stabilo, Sharpie, Pilot, Paper Mate, Post-it,
        Scotch, Duracell, Energizer, Rayovac, Varta, Castrol, Mobil, Shell, Bridgestone, Michelin,
        Goodyear, Pirelli, Trek, Oxford, Bianchi, Coleman, Thermos, Contigo, Igloo, Kobo, Onyx,
        Lamy, Parker, Cross, Uni-ball, Pentel, Adix, Murano, Norma, Mead, Moleskine, Liquitex,
        Winsor & Newton, Valvoline, Repsol, Petrobras, Bardahl, STP, Meguiar's, Armor All, Turtle
        Wax, Sonax, Continental, Hankook, Kumho, Firestone, Maxxis, Kenda, Shimano, Giant,
        Specialized, Cannondale, Merida, GT, Mongoose, Belfast, Best Bike, Fender, Gibson, Ibanez,
        Epiphone, Squier, Cort, Takamine, Roland, Korg, Planeta, Alfaguara, Salamandra,
        Sudamericana, Zig-Zag, SM, Santillana, Penguin, Debolsillo, Anagrama, Everest, National
        Geographic, Klimber, Ozark Trail, Black Diamond, Petzl, Ledlenser, Zippo,
        Favatex, Lahsen, Mikasa, Jafi, Kingsbury, Drimkip,
        Kubli, Insta360, Tuhome, Penalty, Dohler, Milwaukee, Celta, Mashini, Haylou,
        Faber-Castell, Artel, Colón, BIC, Canson, Scott, Orbea, Marin, Bodytrainer, Kettler,
        Bestway, Intex, Doite, Spinit, Quechua, Rosen, CIC, Mantahue, Roberta Allen
        """
    ),
}
"""Section of a shop -> brands as they are answered, before upper-casing."""

ORDINARY_WORDS = frozenset(
    _listed(
        """
        abuelo, ace, acer, aconcagua, adobe, advantage, alonso, alpaca, always, amanda, amazon,
        ambar, ambassador, andina, antec, apple, aquarius, araucano, arcos, arena, ariel, arrow,
        aruba, astra, astro, athletic, aurora, austral, banda, banquete, basement, battery,
        becker, belmont, benefit, besame, biomax, blink, bold, bonux, boss, bounty, bravery, brit,
        broadway, brooks, brother, brut, cacique, calo, candy, cannes, capullo, carmen, castano,
        casting, cat, cata, cave, celta, centauro, cesar, challenger, champion, chancleta, chef,
        club, coach, coliseo, colombina, colombo, colorado, comfort, confort, consul, continental,
        control, corona, coros, costa, cougar, creative, cristal, cross, crush, cruzeiro, daily,
        dakota, damm, del valle, diablito, diamond, diesel, dole, dorada, drija, drive, dynamite,
        echo, ego, element, elite, emblem, eno, equilibrio, escudo, esmeralda, esprit, essence,
        everest, excell, excellence, excellent, exo, exportacion, fa, familia, fas, favorita,
        felix, finish, fitness, flex, flexit, flores, forza, foster, fox, fresita, frontera,
        frugo, fuchs, galax, gallo, gap, gateway, gati, gear, genius, geo, gerber, giant, globe,
        goliath, google, gourmet, granizo, gt, guante, guess, gum, haiti, halloween, hamilton,
        hape, head, holistic, honda, honor, hp, huasco, iams, ideal, igloo, index, infinity,
        instinct, issue, janod, jester, jockey, joie, kapo, kayser, kem, kin, kobo, kolor, kong,
        krea, lacer, lava, lechera, lee, leonardo, libero, limonada, lioi, lounge, lux, lynx, mac,
        mam, mamut, mango, maquis, marathon, marmot, marquis, martini, matchbox, matrix, maxima,
        mestra, meta, mica, milani, miller, mistral, mobil, modelo, moen, monster, monterrey,
        montes, morenita, mota, muibon, museo, nan, natura, newport, nex, next, nik, ninja, noble,
        nomade, norma, nothing, nova, novex, nulo, obsesion, odis, off, olimpo, on, on running,
        onyx, opposite, optimal, optimum, orchid, oregon, organix, otto, oxford, pacha, pampa
        linda, pancho, pap, papo, parker, passport, patagonia, pato, patriot, penalty, penguin,
        penn, perdix, persil, petralia, photoderm, pilot, pioneer, planeta, poco, polar, polaroid,
        poli, polk, poly, porvenir, premier, prince, privilege, pupa, puyehue, razor, reach, reef,
        refresh, regio, ring, rituals, riviera, rosen, ross, royal, rusty, sadia, safari, salvo,
        san jose, santa rosa, sapito, sapphire, score, scotch, scott, secret, sega, selecta,
        selected, sera, sesderma, shark, sharp, sheba, shell, sico, skip, sm, sol, sonic,
        splendid, spyder, stanley, steve madden, stitch, stones, suave, sunrise, super 8,
        superdry, supremo, surena, swan, swift, talca, tang, team group, tecno, terramater, tetra,
        thermos, thomas, tigre, topaz, topper, torre, total, transcend, trek, trendy, trial,
        tricolor, trio, triumph, trust, tyson, umbral, uno, vape, vel, venus, verbatim, virginia,
        vital, vivo, vogue, wahl, wd, wellness, winny, winter, wiz, worx, yale, yeti, zappa,
        zebra, zorro
        """
    )
)
"""Folded brands that count only in the category groups of their section."""

LINES: dict[str, tuple[str, ...]] = {
    "Apple": (
        "iphone", "earpods", "ipad", "macbook", "imac", "mac mini", "mac studio", "airpods",
        "apple watch", "airtag", "homepod",
    ),
    "Samsung": ("galaxy",),
    "Sony": ("playstation", "ps5", "ps4", "ps3", "bravia", "dualsense", "dualshock"),
    "Microsoft": ("xbox",),
    "Motorola": ("moto g", "moto e", "moto edge", "motorola edge"),
    "Xiaomi": ("redmi",),
    "Lenovo": ("thinkpad", "ideapad", "thinkbook"),
    "Asus": ("vivobook", "zenbook", "expertbook", "rog strix", "rog zephyrus", "tuf gaming"),
    "HP": ("victus", "elitebook", "probook", "omnibook"),
    "Dell": ("inspiron", "latitude", "vostro"),
    "Acer": ("predator helios", "predator triton"),
    "LG": ("ultragear",),
    "Kellogg's": ("zucaritas", "choco krispis", "froot loops"),
    "Amazon": ("kindle", "echo dot", "fire tv"),
    "Google": ("chromecast",),
}  # fmt: skip
"""Product lines that belong to one maker beyond doubt (DESIGN.md, "Labelling")."""

MAKERS: dict[str, tuple[str, ...]] = {
    "Nestlé": (
        "milo", "nido", "svelty", "nescafe", "nesquik", "trencito", "sahne nuss", "super 8",
        "chocapic", "trix", "fitness", "la lechera", "nan", "nidal", "savory", "maggi", "nestum",
        "cerelac",
    ),
    "Danone": ("oikos", "activia"),
    "Soprole": ("manjarate", "next", "uno", "yogu yogu", "gold"),
    "Carozzi": ("pomarola", "vivo", "selecta", "ambrosoli", "costa"),
    "Lucchetti": ("talliani",),
    "McKay": ("triton", "nik", "morocha"),
    "Philips": ("avent", "hue"),
    "Mattel": ("uno",),
    "L'Oréal París": ("elvive", "excellence", "casting"),
    "Garnier": ("fructis", "nutrisse", "skin naturals"),
    "Johnson & Johnson": ("listerine", "neutrogena"),
    "Colgate": ("palmolive", "protex"),
    "LG": ("thinq",),
    "TP-Link": ("tapo", "mercusys"),
    "Anker": ("soundcore", "eufy"),
    "Western Digital": ("sandisk",),
}  # fmt: skip
"""Maker -> its brands, folded, which are lines where the name states the maker as well."""

ABBREVIATIONS: dict[str, str] = {
    "western digital": "wd", "under armour": "ua", "helly hansen": "hh", "the north face": "tnf",
    "new balance": "nb", "hewlett packard": "hp", "black decker": "b d", "head shoulders": "h s",
    "yves saint laurent": "ysl", "jean paul gaultier": "jpg", "dolce gabbana": "d g",
    "la roche posay": "lrp", "johnson johnson": "j j",
}  # fmt: skip
"""Folded brand -> how a name may write it where the row's own field has it in full."""

_FITS = r" (?:para|compatible con|compatible|for) "
"""Before the thing that an accessory fits."""

NO_BRAND = (
    "", "generico", "generica", "sin marca", "s m", "n a", "no aplica", "otras marcas", "otros",
    "otro", "varios", "marca propia", "null", "none", "nan", "na", "ninguna", "importado",
)  # fmt: skip
"""What shops write, folded, into a brand field when there is no brand."""


class Gazetteer(NamedTuple):
    """Folded spellings, ready to be looked up.

    Attributes:
        spellings: Folded spelling -> brand as it is answered, in upper case.
        ordinary: Section -> spellings that are ordinary words there, and no brand.
        lines: Spellings that are a product line, not the brand itself.
        makers: Spelling of a brand -> that of its maker.
    """

    spellings: dict[str, str]
    ordinary: dict[str, tuple[str, ...]]
    lines: tuple[str, ...]
    makers: dict[str, str]

    def within(self, folded_words: pl.Series) -> "Gazetteer":
        """Returns the part that can stand in some texts, the same for reading them.

        To prepare the search for all spellings takes longer than to search a few texts.

        Args:
            folded_words: String series from ``text.words``.
        """
        text = folded_words.str.join().item()
        spellings = {one: brand for one, brand in self.spellings.items() if one in text}
        return self._replace(
            spellings=spellings,
            ordinary={
                section: tuple(word for word in more if word in spellings)
                for section, more in self.ordinary.items()
            },
            makers={one: maker for one, maker in self.makers.items() if one in spellings},
        )


def spelling_of(brand: str) -> str:
    """Folded words of a brand, the form in which gazetteer spellings are looked up."""
    return str(pl.select(words(fold(pl.lit(brand)))).item()).strip()


@lru_cache(maxsize=8)
def gazetteer(
    extra: tuple[tuple[str, tuple[str, ...]], ...] = (), learned: tuple[tuple[str, str], ...] = ()
) -> Gazetteer:
    """The built-in brands and lines with a user's own.

    Args:
        extra: Brand as it should be written, and its further spellings
            (``GrammarConfig.brands`` as sorted items, which can be hashed). They
            count in every category group and win over the built-in ones.
        learned: Section and brand, as ``learned_brands`` returns them; they count in their
            section, because any word may be one of them.

    Returns:
        The gazetteer; building it folds some thousand words, hence the cache.
    """
    named = [(section, brand, brand) for section, brand in learned]
    named += [(s, b, b) for s, row in BRANDS.items() for b in row]
    named += [("", line, brand) for brand, lines in LINES.items() for line in lines]
    named += [("", text, brand) for brand, more in extra for text in (brand, *more)]
    folded = pl.DataFrame(named, schema=["section", "text", "brand"], orient="row").with_columns(
        words(fold(pl.col("text"))).str.strip_chars(" ").alias("spelling"),
        pl.col("brand").str.to_uppercase(),
    )
    spellings = dict(folded.select("spelling", "brand").iter_rows())
    own_words = {
        section: set(folded.filter(pl.col("section") == section)["spelling"])
        for section in SECTION_GROUPS
    }
    own = set(folded.filter(pl.col("section") == "")["spelling"])
    ordinary = ORDINARY_WORDS | {spelling_of(brand) for _, brand in learned}
    return Gazetteer(
        spellings,
        {
            section: tuple(sorted((ordinary & spellings.keys()) - words_there - own))
            for section, words_there in own_words.items()
        },
        tuple(line for lines in LINES.values() for line in lines),
        {brand: spelling_of(maker) for maker, row in MAKERS.items() for brand in row},
    )


def learned_brands(listings: pl.DataFrame) -> tuple[tuple[str, str], ...]:
    """Brands that a partition's own brand fields state, and the gazetteer lacks.

    A name without a brand field may carry one of them. A word that names kinds of products
    is none ("Palta" stands in such a field); nor is what one row alone states.

    Args:
        listings: Columns ``brand`` and ``category_group`` (String, nulls allowed).

    Returns:
        (section, brand) in order, for ``gazetteer``.
    """
    if listings.height < LEAST_ROWS:
        return ()
    known = gazetteer().spellings
    section_of = {group: section for section, groups in SECTION_GROUPS.items() for group in groups}
    # Fields first, then their rows: a shop has a hundred rows of a brand.
    fields = listings.group_by("category_group", "brand").len()
    stated = (
        fields.select(
            pl.col("category_group").replace_strict(section_of, default=None).alias("section"),
            stated_brand(pl.col("brand")).alias("brand"),
            stated_words(pl.col("brand")).alias("spelling"),
            "len",
        )
        .drop_nulls()
        .group_by("section", "spelling", "brand")
        .agg(pl.sum("len"))
        .sort(["len", "brand"], descending=[True, False])
        .group_by("section", "spelling")
        .agg(pl.sum("len"), pl.first("brand"))
        .filter(
            pl.col("len") >= LEAST_ROWS,
            pl.col("spelling").str.contains(r"\p{L}{3}"),
            ~pl.col("spelling").is_in([*known]),
            ~pl.col("spelling").is_in([*DEVICE_WORDS, *GOODS_WORDS]),
        )
    )
    return tuple(sorted(stated.select("section", "brand").iter_rows()))


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
        "santa"), and a maker over its brand. What follows "para" is the thing that an
        accessory fits.
    """
    known = known or gazetteer()
    # Doubled spaces let neighbours be found that would share one; what follows "para" is
    # glued to a mark, and so is no word.
    text = folded_words.str.replace_all(_FITS, " ¬").str.replace_all(" ", "  ", literal=True)
    patterns = {f" {spelling.replace(' ', '  ')} ": spelling for spelling in known.spellings}
    longest_first = sorted(patterns, key=lambda pattern: (-len(pattern), pattern))
    found = text.str.extract_many(
        pl.lit(longest_first, dtype=pl.List(pl.String)), leftmost=True
    ).list.eval(pl.element().replace_strict(patterns, return_dtype=pl.String))
    spelling = pl.lit(None, dtype=pl.String)
    for section, groups in SECTION_GROUPS.items():
        ordinary = pl.element().is_in(list(known.ordinary[section]))
        first = pl.field("found").list.filter(~ordinary).list.first()
        spelling = pl.when(pl.field("group").is_in(groups)).then(first).otherwise(spelling)
    maker = pl.field("spelling").replace_strict(known.makers, default=None, return_dtype=pl.String)
    has_maker = pl.field("words").str.contains(pl.format(" {} ", pl.field("maker")), literal=True)
    # A field of a struct is computed once; the search would run once a section.
    return (
        pl.struct(words=folded_words, group=category_group, found=found)
        .struct.with_fields(spelling=spelling)
        .struct.with_fields(maker=maker)
        .struct.with_fields(
            spelling=pl.when(has_maker.fill_null(value=False))
            .then(pl.field("maker"))
            .otherwise(pl.field("spelling"))
        )
        .struct.field("spelling")
    )


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
    return pl.when(stated_words(brand).is_not_null()).then(as_answered(brand))


def as_answered(brand: pl.Expr) -> pl.Expr:
    """A brand as it stands in an answer: in upper case, single-spaced, accents kept.

    Args:
        brand: String expression.

    Returns:
        String expression.
    """
    return brand.str.replace_all(r"\s+", " ").str.strip_chars().str.to_uppercase()
