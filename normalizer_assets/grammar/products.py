"""Words that name kinds of products and describe them, and so are no model.

Belongs here: Spanish and English product words, descriptions of packaging, flavours,
genders, concentrations and kinds of milk, folded. Does not belong here: brands,
colours and electronic parts.
"""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (" ".join(item.split()) for item in text.split(","))))


DEVICE_WORDS = _listed(
    """
    smartphone, smartphones, celular, celulares, telefono, telefono celular, telefono movil,
    movil, equipo, notebook, notebook gamer, laptop, portatil, computador, computadora, pc, all in
    one, desktop, ultrabook, chromebook, tablet, smart tv, smarttv, televisor, televisores,
    television, tv, led tv, google tv, android tv, androidtv, webos, tizen, roku tv, uhd, ultra
    hd, full hd, fhd, hd, qhd, wqhd, 4k, 8k, 2k, crystal uhd, hdr, hdr10, monitor, monitor gamer,
    pantalla, curvo, consola, control, joystick, disco, disco duro, disco externo, disco solido,
    unidad, ssd, hdd, nvme, m.2, sata, gen4, gen3, pcie, gen 4, gen 3, externo, interno, portable,
    pendrive, tarjeta, memoria, memoria ram, ram, rom, microsd, micro sd, ddr3, ddr4, ddr5,
    lpddr4, lpddr4x, lpddr5, lpddr5x, almacenamiento, tarjeta de video, tarjeta grafica,
    procesador, intel, amd, nvidia, geforce, radeon, windows 11, windows 10, windows, win11,
    win10, w11, w10, w11h, w10h, w11p, w10p, freedos, free dos, audifonos, audifono, auriculares,
    auricular, headset, headphones, earbuds, earphones, parlante, parlantes, barra de sonido,
    soundbar, bluetooth, inalambrico, inalambricos, inalambrica, wireless, true wireless, gamer,
    mouse, teclado, camara, impresora, multifuncional, smartwatch, reloj, reloj inteligente,
    reacondicionado, reacondicionada, seminuevo, refurbished, color, cargador, cable, carcasa,
    funda, lamina, mica, dual sim, dualsim, esim, nano sim, sim, android, ios, wom, entel, claro,
    movistar, gps, cellular, refrigerador, refrigerador side by side, side by side, no frost, frio
    directo, bottom freezer, top freezer, top mount, french door, freezer, frigobar, lavadora,
    lavadora secadora, secadora, lavasecadora, lavavajillas, carga frontal, carga superior,
    inverter, cocina, cocina a gas, encimera, campana, horno, horno electrico, microondas,
    freidora, freidora de aire, airfryer, air fryer, licuadora, batidora, procesadora, hervidor,
    hervidor electrico, cafetera, tostador, tostadora, plancha, plancha a vapor, aspiradora,
    aspiradora robot, robot, ventilador, estufa, calefactor, aire acondicionado, split, calefont,
    juguera, sanguchera, exprimidor, extractor, secador, secador de pelo, alisador, ondulador,
    depiladora, afeitadora, cortapelo, maquina, electrica, electrico, digital, automatico,
    automatica, puertas, quemadores, velocidades, taladro, taladro percutor, taladro atornillador,
    atornillador, rotomartillo, esmeril, esmeril angular, sierra, sierra circular, caladora,
    lijadora, percutor, set, kit, juego, destornillador, destornilladores, alicate, martillo,
    llave, llaves, huincha, brocha, pintura, esmalte, latex, ampolleta, ampolletas, foco, lampara,
    luz, luz fria, luz calida, plafon, herramientas, herramienta, bateria, baterias, pilas, pila,
    velador, colgante, gaming, tws, in ear, in-ear, on ear, on-ear, over ear, over-ear, open ear,
    open-ear, diadema, manos libres, cancelacion de ruido, cancelacion ruido, noise cancelling,
    anc, tactil, tactiles, deportivo, deportivos, infantil, microfono, audio, sonido, subwoofer,
    torre de sonido, horizontal, vertical, doble funcion, cubiertos, cubierta, mesa, de mesa,
    sobremesa, de sobremesa, empotrable, empotrada, extractora, pared, muro, a gas, gas, gas
    natural, gas licuado, parafina, a parafina, lena, pellet, doble camara, electrica, rodante,
    balon, quemador, platos, vidrio, vitroceramica, induccion, ceramica, cromada, cromado, acero,
    acero inoxidable, inoxidable, inox, aluminio, madera, metal, metalico, plastico, evacuacion,
    vapor, condensacion, bomba de calor, centro de lavado, lavado, secado, carga, superior,
    frontal, semiautomatica, semi automatica, ecobubble, air bubble, quadwash, thinq, ai dd,
    turbodrum, instaview door in door, dispensador, dispensador de agua, motor, digital inverter,
    smart inverter, linear inverter, aceite, sin aceite, vaso, vaso de vidrio, jarra, de pie, pie,
    pedestal, personal, portatil, recargable, multiuso, universal, escritorio, de escritorio,
    techo, pelo, de pelo, barba, cabello, nariz, dental, cepillo, cepillo electrico, cepillo
    dental, de coser, coser, puntadas, de aire, aire, purificador, purificador de aire,
    humidificador, deshumidificador, seca, clasica, panes, tazas, programable, capsulas, espresso,
    express, molinillo, moledor, picadora, mini procesadora, batidora de pie, sanduchera, wafflera,
    parrilla, grill, olla, olla arrocera, arrocera, olla a presion, multicooker, balanza, pesa,
    robot aspirador, aspirador, mopa, limpieza, piso, alfombras, tapiz, agua, a presion,
    hidrolavadora, motosierra, soldadora, soldador, compresor, generador, cortadora de pasto,
    cortacesped, orilladora, desmalezadora, bencinera, bencina, escalera, tijera, peldanos,
    candado, cerradura, sellador, silicona, adhesivo, pegamento, clavos, tornillos, brocas,
    puntas, dados, maletin, caja, caja de herramientas, piezas, pzs, pza, medir, huincha de medir,
    nivel, serrucho, inalambrica, brushless, sin carbones, lumenes, calida, fria, neutra, luz
    neutra, dicroica, redondo, cuadrado, solar, led, guirnalda, luces, tira, tira led, tubo,
    tubo led, linterna, frontal, inteligente, smart, multicolor, rgb, regulable, proyector,
    proyector led, reflector, nordica, moderna, vintage, colgante, sensor, sensor de movimiento,
    usado, nuevo, nueva, original, oficial, garantia, hdmi, usb, usb c, usb-c, vga, displayport,
    jack, 3.5mm, chromecast, ambilight, vidaa, hey google, dolby, dolby vision, dolby atmos,
    dolby audio, triluminos, triluminos pro, motion, quantum, freesync, g-sync, gsync, plano,
    ultradelgado, borderless, sin bordes, bisel, pivotante, ajustable, vesa, videojuegos, juegos,
    edicion, edicion limitada, version, modelo, mod, mod., ref, ref., codigo, cod, tipo, alta,
    definicion, resolucion, psi, btu, frio calor, frio solo, on off, on-off, split muro, ventana
    """
)
"""Kinds of devices, household goods and tools, and what describes them."""

GOODS_WORDS = _listed(
    """
    perfume, perfumes, colonia, agua de colonia, fragancia, eau de parfum, eau de toilette, edp,
    edt, edc, eau de cologne, parfum, extrait, spray, vapo, vaporizador, tester, estuche, body,
    bebida, bebidas, gaseosa, agua, agua mineral, agua saborizada, con gas, sin gas, jugo, jugos,
    nectar, cerveza, cervezas, vino, vino tinto, vino blanco, espumante, pisco, ron, whisky,
    vodka, gin, licor, coctel, isotonica, energetica, bebida energetica, lager, botella, botellas,
    lata, latas, botellin, desechable, retornable, no retornable, pet, vidrio, tetra, tetrapack,
    caja, cajas, bolsa, bolsas, bandeja, frasco, sachet, tarro, pote, paquete, pack, display,
    formato, familiar, individual, multipack, tripack, bipack, doypack, caluga, barra, tableta,
    pulpa, con pulpa, malla, granel, tapa, con tapa, cremosa, leche, leche entera, leche en polvo,
    leche polvo, polvo, entera, semidescremada, descremada, semi descremada, sin lactosa, lactosa,
    natural, al natural, chocolatada, cultivada, condensada, evaporada, yogurt, yoghurt, yogur,
    batido, griego, queso, queso laminado, quesillo, laminado, mantequilla, margarina, crema,
    crema de leche, manjar, postre, flan, proteina, protein, arroz, grado 1, grado 2, grado, g1, g2,
    grano largo, largo, delgado, ancho, grano, fideos, fideo, pasta, pastas, spaghetti, espagueti,
    tallarin, tallarines, corbata, corbatas, corbatitas, espirales, espiral, cabello de angel,
    cabello angel, fettuccine, fetuccini, penne, rigatoni, rigati, quifaros, caracoles,
    mostacholes, linguini, tagliatelle, canuto, canutos, lasana, noquis, corto, corta, al huevo,
    huevo, vitaminizado, integral, trigo, 100% trigo duro, duro, harina, azucar, sal, aceite,
    aceite de oliva, aceite vegetal, vegetal, oliva, extra virgen, maravilla, vinagre, salsa,
    salsa de tomate, en salsa de tomate, tomate, tomates, ketchup, mayonesa, mostaza, mermelada,
    miel, cafe, cafe instantaneo, instantaneo, te, te negro, te verde, hierbas, infusion, cereal,
    cereales, avena, granola, galleta, galletas, chocolate, chocolates, bombones, caramelos,
    dulces, chicle, goma de mascar, papas, papas fritas, papas hilo, snack, mani, ramitas, nachos,
    pan, pan de molde, molde, blanco, hallulla, tortillas, porotos, poroto, negros, rojos,
    blancos, tortola, hallados, hallado, granados, espanol, lentejas, garbanzos, arvejas, choclo,
    choclos, jurel, atun, sardina, sardinas, salmon, lomos, lomos de, lomitos, en aceite, al agua,
    en agua, ahumado, drenado, drenados, conserva, en conserva, duraznos, en cubos, en trozos,
    trocitos, picado, pina, palmitos, champinones, aceitunas, carne, molida, vacuno, pollo, cerdo,
    pavo, pechuga, pechugas, trutro, hamburguesa, hamburguesas, salchicha, salchichas, vienesas,
    longaniza, jamon, mortadela, congelado, congelada, congelados, al vacio, fresco, fresca,
    helado, helados, sopa, sopas, crema de, caldo, pure, premezcla, queque, bizcocho, polvos de
    hornear, levadura, sabor, sabor a, sabores, surtido, surtidos, clasico, clasica, clasicas,
    tradicional, premium, seleccion, especial, light, listo, listos, listas, listo para servir,
    huevos, palta, manzana, platano, naranja, limon, tomate cherry, lechuga, zapallo, papa,
    cebolla, zanahoria, grande, chico, mediano, mediana, pequeno, extra grande, detergente,
    detergente liquido, liquido, en polvo, suavizante, suavizante de ropa, ropa, cloro, cloro gel,
    lavalozas, lavaloza, limpiador, limpiador multiuso, limpiapisos, limpiavidrios, multiuso,
    desinfectante, antigrasa, concentrado, esponja, esponjas, papel, papel higienico, toalla de
    papel, toalla, toallas, servilletas, panuelos, rollo, rollos, doble hoja, triple hoja, hojas,
    metros, insecticida, desodorante ambiental, aerosol, aroma, repuesto, recarga, shampoo,
    champu, acondicionador, balsamo, tratamiento, mascarilla, crema de peinar, cabello, capilar,
    jabon, jabon liquido, jabon de tocador, jabon en barra, gel de ducha, gel, desodorante,
    antitranspirante, antitranspirante spray, roll on, pasta dental, pasta de dientes, crema
    dental, cepillo dental, cepillo, enjuague bucal, hilo dental, afeitar, maquina de afeitar,
    hojas de afeitar, toallas higienicas, protectores diarios, tampones, panal, panales, toallitas
    humedas, toallitas, formula, formula infantil, colado, talla, crema corporal, locion, locion
    corporal, corporal, crema facial, facial, crema de manos, manos, protector solar, bloqueador,
    serum, agua micelar, base, base de maquillaje, labial, lapiz labial, mascara de pestanas,
    mascara, pestanas, delineador, sombra, sombras, rubor, polvo compacto, esmalte de unas, tinte,
    coloracion, tono, maquillaje, corrector, comprimidos, capsulas, jarabe, comprimidos
    recubiertos, tabletas, suplemento, vitamina, vitaminas, ml, polera, poleras, camiseta, camisa,
    blusa, pantalon, pantalones, jeans, jean, short, shorts, calza, calzas, leggings, falda,
    vestido, poleron, chaleco, sweater, chaqueta, parka, abrigo, cortaviento, buzo, pijama,
    calcetines, calcetin, boxer, calzon, sosten, sujetador, ropa interior, traje de bano, bikini,
    gorro, jockey, mochila, bolso, cartera, cinturon, zapatilla, zapatillas, zapato, zapatos,
    botin, botines, bota, botas, sandalia, sandalias, hawaianas, pantufla, pantuflas, running,
    urbana, urbano, urbanas, deportiva, deportivo, deportivas, algodon, manga corta, manga larga,
    cuello redondo, cuero, slim fit, regular fit, training, outdoor, muneca, figura, auto,
    peluche, rompecabezas, puzzle, juguete, juego de mesa, bloques, alimento, alimento para perro,
    alimento para gato, alimento perro, alimento gato, comida, perro, perros, gato, gatos, adulto,
    adultos, cachorro, cachorros, senior, razas pequenas, razas medianas, raza pequena, razas
    grandes, raza mediana, raza grande, todas las razas, pellet, sabor carne, carne y pollo, snack
    perro, arena sanitaria, arena, hombre, hombres, mujer, mujeres, unisex, nino, nina, ninos,
    ninas, infantil, bebe, dama, masculino, femenino, masculina, femenina, for men, for women, for
    him, for her, pour homme, pour femme, men, women, man, woman, color, unidades, drenada, talla
    unica, sin, neto, peso neto, pelados, mix, abre facil, congeladas, yodada, surtidas, cordero,
    lomo, liso, vetado, entrana, asado, posta, pimienta, negra, comino, oregano, verdura,
    verduras, vegetales, quitamanchas, capacidad, dureza, doble, triple, cabra, rosa, brut,
    reserva especial, pollo ganso, tapapecho, huachalomo, pimenton, calabaza, empanada
    """
)
"""Kinds of food, care, clothing and toys, and what describes them."""

FLAVOURS: dict[str, str] = {
    "chocolate": "chocolate choco",
    "vainilla": "vainilla vanilla",
    "frutilla": "frutilla fresa",
    "frambuesa": "frambuesa frambuesas",
    "naranja": "naranja naranjas orange",
    "limón": "limon lemon",
    "manzana": "manzana apple",
    "piña": "pina",
    "durazno": "durazno duraznos",
    "mango": "mango",
    "plátano": "platano banana",
    "coco": "coco",
    "menta": "menta",
    "maracuyá": "maracuya",
    "uva": "uva uvas",
    "pera": "pera",
    "damasco": "damasco",
    "guinda": "guinda",
    "mora": "mora moras",
    "arándano": "arandano arandanos",
    "frutos rojos": "frutos_rojos berries",
    "papaya": "papaya",
    "tutti frutti": "tutti_frutti tuttifrutti",
    "multifruta": "multifruta multifrutas",
    "pomelo": "pomelo",
    "jengibre": "jengibre",
    "lima limón": "lima_limon limon_lima",
    "té verde": "sabor_te_verde",
    "original": "original",
    "caramelo": "caramelo",
    "manjar": "manjar",
    "lúcuma": "lucuma",
    "chirimoya": "chirimoya",
    "nuez": "nuez nueces",
    "almendra": "almendra almendras",
    "avellana": "avellana avellanas",
    "pistacho": "pistacho",
    "maní": "mani",
    "café": "capuccino cappuccino moka mocha",
    "cookies and cream": "cookies_and_cream cookies_cream",
    "stracciatella": "stracciatella",
    "queso": "sabor_queso",
    "jamón serrano": "jamon_serrano",
    "cebolla": "sabor_cebolla",
    "barbecue": "barbecue bbq",
    "merkén": "merken",
    "ajo": "ajo",
    "albahaca": "albahaca",
    "pollo": "sabor_pollo sabor_a_pollo",
    "carne": "sabor_carne sabor_a_carne",
    "salmón": "sabor_salmon",
    "trisabor": "trisabor tricolor",
    "tropical": "tropical",
    "citrus": "citrus",
    "cola": "sabor_cola",
}
"""Flavour -> folded spellings; ``_`` stands for a space."""

GENDERS: dict[str, str] = {
    "niña": "nina ninas girl girls",
    "niño": "nino ninos boy boys infantil",
    "unisex": "unisex",
    "mujer": "mujer mujeres dama damas femenino femenina woman women her femme",
    "hombre": "hombre hombres varon masculino masculina man men him homme",
}
"""Gender -> folded spellings."""

CONCENTRATIONS: dict[str, str] = {
    "EDP": "edp eau_de_parfum",
    "EDT": "edt eau_de_toilette",
    "EDC": "edc eau_de_cologne agua_de_colonia",
    "Parfum": "parfum extrait extrait_de_parfum",
}
"""Perfume concentration -> folded spellings."""

MILK_FATS: dict[str, str] = {
    "semidescremada": "semidescremada semi_descremada",
    "descremada": "descremada",
    "entera": "entera",
}
"""Fat of milk -> folded spellings."""


FLAVOUR_WORDS = tuple(
    spelling.replace("_", " ")
    for flavour, row in FLAVOURS.items()
    for spelling in row.split()
    if flavour != "original"
)
"""Spellings of flavours that name no product line; "Original" does ("Coca-Cola Original")."""
