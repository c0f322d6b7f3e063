"""The words from which a category group is read.

Belongs here: words and phrases of each group, in Spanish as sold in Chile and in the
English that shops use. Does not belong here: how they are applied (``categories``).

Phrases are written folded (lower case, no accents, ``ñ`` as ``n``), in the singular;
plurals are made from them. Where two phrases begin at the same word, the longer one
counts: "crema" is dairy, "crema de manos" personal care. Accessories, spare parts and
whatever has no group of its own are listed under ``other``, so that "soporte TV" is
no television.
"""

from normalizer_assets.config import CategoryGroup

PRODUCT_WORDS: dict[CategoryGroup, str] = {
    "smartphones": """
        smartphone, celular, telefono celular, telefono movil, telefono inteligente, iphone,
        galaxy a, galaxy s, galaxy m, galaxy z, galaxy z flip, galaxy z fold, galaxy note,
        samsung galaxy, redmi, redmi note, poco x, poco f, poco m, poco c, moto g, moto e, moto
        edge, motorola edge, motorola razr, motorola moto, pixel pro, google pixel, huawei nova,
        huawei pura, honor magic, oppo reno, oppo a, vivo y, realme c, zte blade, equipo
        liberado, telefono android, nothing phone, pocophone, xiaomi 11t, xiaomi 12, xiaomi 12t,
        xiaomi 13, xiaomi 13t, xiaomi 14, xiaomi 14t, xiaomi 15, xiaomi mi 9, xiaomi mi 10,
        xiaomi mi 11, rog phone, realme 8, realme 9, realme 10, realme 11, realme 12, huawei p,
        huawei y, huawei mate, lg k, honor x, celular con tapa, telefono con tapa, equipo oppo,
        equipo samsung, equipo xiaomi, equipo motorola, equipo honor, equipo vivo, nubia neo,
        smart phone
    """,
    "notebooks": """
        notebook, laptop, ultrabook, netbook, chromebook, macbook, macbook air, macbook pro,
        portatil gamer, computador portatil, notebook gamer, thinkpad, ideapad, thinkbook,
        vivobook, zenbook, expertbook, rog strix, tuf gaming a, tuf gaming f, lenovo legion,
        lenovo loq, hp pavilion, hp victus, hp omen, probook, elitebook, dell inspiron, dell
        latitude, dell vostro, dell xps, acer aspire, acer nitro, predator helios, matebook,
        surface laptop, samsung galaxy book, galaxy book, intel core, core i3, core i5, core i7,
        core i9, core ultra, i3, i5, i7, i9, ryzen 3, ryzen 5, ryzen 7, ryzen 9, celeron, macbook
        neo, workstation, workstation movil, zbook, dell precision, notebook empresa
    """,
    "tablets": """
        tablet, ipad, ipad pro, ipad air, ipad mini, galaxy tab, samsung galaxy tab, matepad,
        lenovo tab, tab m, redmi pad, xiaomi pad, mediapad, honor pad, surface pro, surface go,
        e reader, ereader, kindle, lector de libros
    """,
    "televisions": """
        televisor, television, tv, smart tv, smartv, smarttv, smart television, led tv, tv led,
        oled tv, qled tv, qled, qned, nanocell, android tv, google tv, roku tv, pantalla smart,
        led 32, led 40, led 43, led 50, led 55, led 65, led smart, pantalla led, smart led
    """,
    "monitors": """
        monitor, monitor gamer, monitor curvo, monitor led, pantalla pc, ultragear, odyssey g,
        studio display, zenscreen, monitor portatil, pantalla gamer
    """,
    "storage": """
        disco duro, disco duro externo, disco externo, disco solido, disco estado solido, disco
        ssd, ssd, hdd, nvme, unidad ssd, unidad de estado solido, unidad externa, pendrive, pen
        drive, memoria usb, memoria flash, memoria micro sd, memoria sd, tarjeta de memoria,
        micro sd, microsd, tarjeta sd, almacenamiento, almacenamiento externo, nas, memoria ram,
        memorias ram, memoria pc, memoria notebook, ram ddr4, ram ddr5
    """,
    "consoles": """
        consola, consola de videojuego, playstation, ps5, ps4, xbox, xbox series, nintendo
        switch, steam deck, rog ally, videojuego, juego ps5, juego ps4, juego nintendo, juego
        xbox, videoconsola, control dualsense, dualsense, dualshock, joystick, joy con
    """,
    "headphones": """
        audifono, auricular, audifono bluetooth, headphone, headset, earphone, earbud, airpod,
        galaxy buds, freebuds, redmi buds, in ear, over ear, on ear, manos libres, audifono
        gamer, samsung galaxy buds, true wireless, mi true wireless, pixel buds, huawei freebuds,
        xiaomi buds, diadema, ath m, audifono monitoreo, headset gamer
    """,
    "beverages": """
        bebida, gaseosa, refresco, jugo, nectar, nectare, agua, agua mineral, agua purificada,
        agua saborizada, agua con gas, agua sin gas, agua tonica, soda, ginger ale, coca cola,
        pepsi, fanta, sprite, bilz, pap, kem, crush, limon soda, canada dry, cola, energetica,
        bebida energetica, isotonica, bebida isotonica, gatorade, powerade, red bull, monster
        energy, te helado, iced tea, ice tea, limonada, kombucha, cerveza, lager, ipa, vino, vino
        tinto, vino blanco, espumante, champagne, champana, sidra, pisco, pisco sour, ron, vodka,
        whisky, whiskey, gin, ginebra, tequila, mezcal, licor, aperitivo, fernet, vermouth,
        vermut, cabernet sauvignon, carmenere, merlot, sauvignon blanc, malbec, chardonnay,
        syrah, cola de mono, coctel, sour, bebida de soya, bebida vegetal, bebida de almendra,
        bebida de avena, amargo, aperol, brandy, cognac, sangria, hidromiel, jugo en polvo,
        refresco en polvo, polvo para preparar bebida, destilado, bebida y licor, pinot noir,
        sauvignon, ensamblaje, brut, stout, pale ale, gran reserva, late harvest, caja pisco,
        bebidas, rose vino, zumo, smoothie, cerveza sin alcohol, hard seltzer, alcohol bebible,
        agua de coco, malta, aguardiente, ponche, jugo de fruta, suero rehidratante, bebida
        hidratante, frappuccino, smirnoff ice, gato negro, gato blanco, cooler, ready to drink,
        cerv, beb
    """,
    "groceries": """
        arroz, fideo, pasta, tallarin, espagueti, spaghetti, spaguetti, corbata, corbatita,
        quifaro, mostachol, rigati, rigatoni, penne, fusilli, macarron, canuto, espiral, caracol,
        caracoquesos, lasana, lasagna, ravioli, noquis, gnocchi, cabello de angel, harina,
        azucar, sal, sal de mar, aceite, aceite de oliva, aceite vegetal, aceite maravilla,
        aceite de coco, vinagre, aceto, salsa, salsa de tomate, pasta de tomate, pure de tomate,
        ketchup, mayonesa, mostaza, mermelada, miel, manjar de coco, membrillo, galleta,
        galletita, oblea, alfajor, chocolate, bombon, trufa, barra de cereal, barra de proteina,
        caramelo, gomita, chicle, chupete dulce, marshmallow, turron, confite, calugas, caluga,
        huevito de chocolate, cereal, avena, granola, muesli, pan, pan de molde, pan rallado,
        hallulla, marraqueta, tortilla, tostada, queque, torta, bizcocho, kuchen, brownie,
        panettone, pan de pascua, premezcla, levadura, polvo de hornear, bicarbonato, maicena,
        semola, polenta, chuchoca, mote, quinoa, quinua, chia, linaza, cuscus, poroto, lenteja,
        garbanzo, arveja, legumbre, choclo, maiz, palmito, champinon, aceituna, pepinillo, atun,
        jurel, sardina, salmon, merluza, reineta, congrio, camaron, marisco, choro, chorito,
        almeja, macha, pulpo, calamar, surtido de marisco, pescado, carne, carne molida, vacuno,
        cerdo, pollo, pechuga, trutro, pavo, cordero, lomo, filete, asado, entrana, posta,
        osobuco, costillar, chuleta, chuletita, longaniza, chorizo, prieta, salchicha, vienesa,
        jamon, pate, mortadela, salame, tocino, panceta, arrollado, hamburguesa, nugget,
        empanada, pizza, sopa, sopaipilla, crema de verdura, crema de esparrago, caldo, consome,
        pure, pure de papa, pure instantaneo, papa, papa frita, papas frita, papa prefrita,
        snack, snacks, ramita, cabrita, palomita, mani, almendra, nuez, nueces, pistacho, castana
        de caju, fruto seco, frutos secos, pasa, ciruela, datil, semilla, cafe, cafe instantaneo,
        cafe molido, cafe en grano, capsula de cafe, te, te verde, te negro, infusion, hierba
        mate, yerba mate, yerba, manzanilla, cacao, cocoa, saborizante, milo, endulzante,
        edulcorante, stevia, sucralosa, condimento, alino, oregano, comino, pimienta, aji, aji de
        color, merken, curry, canela, ajo, cebolla, tomate, lechuga, palta, zanahoria, zapallo,
        zapallo italiano, brocoli, coliflor, espinaca, acelga, apio, betarraga, pimenton, pepino,
        limon, naranja, mandarina, manzana, pera, platano, banana, uva, frutilla, arandano,
        frambuesa, mora, kiwi, pina, mango, melon, sandia, durazno, fruta, verdura, ensalada,
        huevo, gelatina, flan, jalea, mousse, postre en polvo, polvo para hornear, helado, paleta
        de helado, sorbete, hielo, conserva, encurtido, tofu, seitan, soya texturizada, salsa de
        soya, wasabi, tahini, mantequilla de mani, crema de mani, hummus, guacamole, leche de
        coco, agua de coco rallado, coco rallado, vainilla, esencia de vainilla, colorante,
        medallon, milanesa, croqueta, apanado, rebozador, tapa de empanada, tapas para empanada,
        pionono, budin, magdalena, vainilla galleta, grisin, snack saludable, 3d, dorito, cheeto,
        almuerzo, plato preparado, comida preparada, aderezo, frac, obleas, bizcochuelo,
        merengue, jarabe de chocolate, crocante, batata, mandioca, rucula, albahaca, perejil,
        cilantro, jengibre, oliva, girasol aceite, caluguita, barra de chocolate, jarabe de maiz,
        jarabe de goma, jarabe de arce, jarabe para pancake, syrup, clavo de olor, chupete bon
        bon, compota, sobrecostilla, tapabarriga, pulpa, huachalomo, asiento, abastero, plateada,
        estomaguillo, choclillo, tomahawk, lomito, brocheta, wafer, waffer, tiramisu, pastel,
        cous cous, couscous, sesamo, mazapan, pickle, alcachofa, esparrago, tomillo, laurel,
        romero, sazonador, adobo, chips, macaroni, mostaccioli, caldillo, pop corn, popcorn,
        nuts, albondiga, chupe, pimiento, alcaparra, chucrut, longanicilla, ciabatta, berries,
        mix vegetales, froot loops, zucaritas, mermeladas, tostones, suflito, crackelet, cracker,
        copos, frambuesas, humita, cazuela, charquican, tacos, nachos, wrap, especia, coffee
        mate, cappuccino, capuchino, mate cocido, mate, repollo, papaya, maracuya, cereza,
        guinda, chirimoya, tuna, pomelo, zapallito, poroto verde, cebollin, ciboulette, rabanito,
        puerro, chutney, tabasco, salsas, mayo, chocman, estrellitas
    """,
    "dairy": """
        leche, leche entera, leche descremada, leche semidescremada, leche en polvo, leche
        condensada, leche evaporada, leche cultivada, leche sin lactosa, leche chocolatada, leche
        asada, leche de vaca, leche saborizada, formula lactea, yogurt, yoghurt, yogur, yogurth,
        kefir, queso, queso crema, queso fresco, queso rallado, queso laminado, quesillo,
        ricotta, mozzarella, gouda, parmesano, mantequilla, margarina, manteca, crema, crema de
        leche, crema acida, crema chantilly, crema para batir, manjar, dulce de leche, postre
        lacteo, postre, arroz con leche, semola con leche, chamyto, lacteo, petit suisse, flan
        postre, casata lactea, ghee, bebida lactea, probiotico, yogheta, yog, queso de cabra
    """,
    "cleaning": """
        detergente, detergente liquido, detergente en polvo, suavizante, lavaloza, lavaplato,
        lavavajilla, cloro, clorogel, blanqueador, quitamancha, desmanchador, limpiador,
        limpiavidrio, limpia piso, limpiapiso, limpia vidrio, desengrasante, desinfectante,
        antigrasa, lustramueble, cera piso, cera para piso, cera liquida, abrillantador,
        ambientador, aromatizante, desodorante ambiental, aerosol ambiental, insecticida, mata
        mosca, mata mosquito, mata cucaracha, raticida, repelente electrico, papel higienico,
        toalla de papel, toalla nova, rollo de cocina, servilleta, panuelo desechable, panuelo,
        bolsa de basura, bolsa basura, esponja, esponja de cocina, pano de limpieza, pano
        multiuso, pano, trapero, trapo, mopa, escoba, pala de basura, escobillon, guante de
        guante, virutilla, destapador, destapacaneria, pastilla de bano, pastilla wc,
        pastilla para estanque, limpiador wc, lavandina, lysoform, jabon para ropa, jabon en
        polvo, jabon liquido para ropa, quita sarro, quitasarro, antihumedad, pulidor, articulo
        de limpieza, limon cif, lavado de ropa, perlas suavizante, papel aluminio, papel film,
        film plastico, papel mantequilla, bolsa hermetica, balde, lampazo, secador de piso,
        espiral mosquito, betun, escobilla, limpia calzado, renovador de calzado, pinza de ropa,
        pinza para ropa, pinza de madera, pala plastica, lustra mueble, gel limpiador
        desinfectante, higienizante, bolsa multiuso, bolsa para sandwich, toallita desinfectante,
        rodillo quita pelusa, cepillo wc, desodorante de ambiente, eliminador de olor, discos
        activos, limpia mueble, cera autobrillo, autobrillo, cera crema, renueva piso, repuesto
        ambientador, sanitizante, bloque inodoro, pastilla inodoro, soda caustica, suav
    """,
    "personal_care": """
        shampoo, champu, acondicionador, balsamo, balsamo capilar, tratamiento capilar,
        mascarilla capilar, mascara capilar, tinte, tintura, coloracion, tonalizador, gel
        capilar, gel fijador, gel de ducha, gel de bano, laca, spray fijador, crema para peinar,
        crema de peinar, aceite capilar, oleo capilar, serum capilar, jabon, jabon liquido, jabon
        de tocador, jabon en barra, jabon intimo, desodorante, antitranspirante, talco, pasta
        dental, pasta de diente, crema dental, dentifrico, cepillo dental, cepillo de diente,
        hilo dental, seda dental, enjuague bucal, colutorio, afeitadora desechable, maquina de
        afeitar, maquina de afeitar desechable, prestobarba, espuma de afeitar, gel de afeitar,
        crema de afeitar, repuesto de afeitar, cuchilla, crema depilatoria, cera depilatoria,
        banda depilatoria, toalla higienica, toallita higienica, toalla femenina, protector
        diario, tampon, copa menstrual, toallita humeda, toallitas humedas, crema corporal, crema
        hidratante, crema de manos, crema para manos, crema para el cuerpo, locion corporal,
        crema humectante, emulsion corporal, aceite corporal, protector solar, bloqueador solar,
        bloqueador, autobronceante, repelente de insecto, repelente, alcohol gel, cotonito,
        algodon, hisopo, panal adulto, panal para adulto, ropa interior desechable,
        incontinencia, esponja de bano, enjuague capilar, bano de crema, removedor de sarro,
        panal plenitud, cera microonda, body lotion, body milk, body cream, locion, maquina para
        afeitar, maquina afeitar, cartucho de afeitar, cartucho para afeitar, repuesto maquina de
        afeitar, repuesto para afeitar, retocador de raiz, alcohol en gel, toalla humeda, mascara
        reparadora, espuma para cabello, cepillo de pelo, crema de afeitado, jabon antibacterial,
        toallas humedas, crema nivea, cepillo oral b, listerine, cartucho gillette, tinta de
        pelo, repuesto venus, repuesto gillette, cepillo dental electrico, tampones, palillo
        interdental
    """,
    "perfumes": """
        perfume, eau de parfum, eau de toilette, eau de cologne, edp, edt, colonia, parfum,
        fragancia, body mist, body splash, agua de colonia, extrait de parfum, set de perfume,
        perfume mujer, perfume hombre, splash corporal, agua fresca
    """,
    "cosmetics": """
        maquillaje, base de maquillaje, base liquida, labial, lapiz labial, brillo labial, lip
        gloss, gloss, delineador, lapiz de ojo, mascara de pestana, mascara pestana, rimel,
        sombra de ojo, paleta de sombra, rubor, blush, corrector, corrector de ojera, iluminador,
        polvo compacto, polvo traslucido, primer facial, bb cream, cc cream, esmalte, esmalte de
        una, quitaesmalte, una postiza, pestana postiza, serum, serum facial, crema facial, crema
        antiarruga, crema antiedad, contorno de ojo, agua micelar, desmaquillante, tonico facial,
        limpiador facial, gel limpiador, gel limpiador facial, exfoliante, mascarilla facial,
        acido hialuronico, dermocosmetica, cosmetico, skincare, balsamo labial, protector labial,
        fijador de maquillaje, crema de dia, crema de noche, retinol, niacinamida, brocha de
        maquillaje, toallita desmaquillante, petalos desmaquilladores, mist facial, elixir
        facial, mascara facial, balsamo facial, protector facial, fotoprotector facial, limpieza
        facial, pestanas postizas
    """,
    "pharmacy": """
        paracetamol, ibuprofeno, aspirina, acido acetilsalicilico, naproxeno, diclofenaco,
        ketoprofeno, loratadina, desloratadina, cetirizina, levocetirizina, clorfenamina,
        omeprazol, esomeprazol, lansoprazol, famotidina, losartan, valsartan, enalapril,
        amlodipino, atenolol, carvedilol, metformina, glibenclamida, atorvastatina,
        rosuvastatina, amoxicilina, azitromicina, ciprofloxacino, cefadroxilo, clotrimazol,
        fluconazol, sertralina, fluoxetina, escitalopram, quetiapina, clonazepam, zopiclona,
        melatonina, levotiroxina, prednisona, betametasona, salbutamol, montelukast, tramadol,
        sildenafil, tadalafilo, anticonceptivo, levonorgestrel, comprimido, gragea, jarabe,
        suspension oral, gotas oftalmica, colirio, unguento, supositorio, ampolla bebible,
        inhalador, medicamento, remedio, analgesico, antigripal, antiacido, antialergico,
        vitamina, vitamina c, multivitaminico, suplemento, suplemento alimenticio, omega 3,
        colageno, magnesio, calcio, zinc, proteina whey, whey protein, whey, creatina,
        termometro, tensiometro, presion arterial, oximetro, nebulizador, mascarilla desechable,
        mascarilla kn95, test de embarazo, test antigeno, preservativo, condon, lubricante
        intimo, parche leon, parche curita, curita, venda, gasa, suero fisiologico, agua
        oxigenada, povidona, alcohol desnaturalizado, glucometro, aposito, parche,
        apositos, band aid, mascarilla respiratoria, mascarilla quirurgica, micropore, tela
        adhesiva, medidor de glucosa, glucosa, solucion oftalmica, gotas oftalmicas, pediasure,
        ensure, glucerna, lagrimas artificiales
    """,
    "clothing": """
        polera, camiseta, camisa, blusa, peto, chaqueta, parka, abrigo, chaleco, sweater, sueter,
        poleron, hoodie, cardigan, cortaviento, blazer, traje, terno, corbata de vestir, vestido,
        falda, enterito, jardinera, pantalon, jeans, jean, buzo, calza, leggings, legging, short,
        bermuda, bikini, traje de bano, malla de bano, boxer, calzoncillo, calzon, colaless,
        sosten, brasier, bra, ropa interior, pijama, bata, camison, calcetin, panty, pantys,
        medias, gorro, jockey, sombrero, bufanda, panuelo de cuello, guante de cuero, cinturon,
        uniforme, delantal escolar, vestuario, primera capa, body, polo pique, polo manga, crop
        top, poleron polar, chaqueta polar, chal, track jacket, jacket, banador, sweatshirt,
        hoody, camiseta interior, boardshort, cortavientos, ropa de trabajo, delantal
    """,
    "footwear": """
        zapatilla, zapato, zapato de seguridad, bota, botin, bototo, sandalia, chala, hawaiana,
        mocasin, alpargata, ballerina, zueco, pantufla, slipper, sneaker, botin de seguridad,
        zapatilla running, crocs, bota de agua, calzado deportivo, calzado escolar, calzado
        mujer, calzado hombre, zap, clog, zapatillas trote, botin de trabajo, calzado
    """,
    "appliances": """
        refrigerador, frigobar, freezer, congelador, lavadora, lavadora secadora, secadora,
        secadora de ropa, lavasecadora, lavavajillas automatico, lavavajillas cubierto, maquina
        lavavajilla, cocina a gas, cocina encimera, cocina electrica, encimera, horno empotrable,
        horno empotrado, campana extractora, campana de cocina, campana, calefont, termo
        electrico, aire acondicionado, estufa a pellet, estufa, estufa a parafina, estufa a gas,
        calefactor, side by side, cava de vino, centro de lavado,
        bottom freezer, refrigerator, split, split muro, climatizador portatil, termoelectrico
    """,
    "small_appliances": """
        microonda, microondas, horno electrico, horno microonda, freidora, freidora de aire, air
        fryer, licuadora, batidora, minipimer, procesadora, procesador de alimento, extractor de
        jugo, exprimidor, juguera, hervidor, cafetera, maquina de cafe, tostador, tostadora,
        sandwichera, waflera, olla arrocera, arrocera, olla electrica, olla a presion electrica,
        multicooker, aspiradora, aspiradora robot, robot aspirador, aspirador, plancha, plancha a
        vapor, plancha de pelo, plancha alisadora, alisador, secador de pelo, secador, rizador,
        ondulador, cortapelo, cortadora de pelo, afeitadora, afeitadora electrica, depiladora,
        ventilador, humidificador, purificador de aire, deshumidificador, calientacama, maquina
        de coser, vaporizador de ropa, parrilla electrica, plancha parrilla, yogurtera, balanza
        de cocina, pesa digital, panificadora, mini horno, cocinilla,
        anafe, batidora de inmersion, vaporera electrica, molinillo de cafe, sarten electrico,
        multiolla, vaporizador de prenda, vaporizador de prendas, maquina cortapelo, maquina de
        cortar pelo, pesa de cocina, balanza digital, purificador, aspiradora vertical, sarten
        electrica, tetera electrica, olla multifuncion
    """,
    "toys": """
        juguete, muneca, muneco, peluche, lego, bloque, bloque de construccion, puzzle,
        rompecabeza, juego de mesa, juego didactico, barbie, hot wheels, figura de accion, figura
        coleccionable, auto a control remoto, auto de juguete, pista de auto, triciclo,
        monopatin, scooter, slime, plasticina, nerf, funko, funko pop, playmobil, pelota,
        resbalin, columpio, cama elastica, casa de muneca, disfraz, naipe, cartas pokemon,
        juguete para bebe, correpasillo, play doh, juguetera, yo yo, bicicleta de equilibrio,
        jugueteria, kinetic sand, matchbox, figura articulada, figura, autito, muneca articulada,
        arena magica, masas
    """,
    "tools": """
        taladro, taladro percutor, atornillador, rotomartillo, esmeril, esmeril angular, sierra,
        sierra circular, sierra caladora, caladora, lijadora, martillo, destornillador, alicate,
        llave inglesa, llave francesa, juego de llaves, juego de dados, set de herramienta, set
        de herramientas, herramienta, caja de herramienta, caja herramienta, huincha de medir,
        huincha, nivel laser, serrucho, broca, juego de brocas, soldadora, maquina de soldar,
        compresor, hidrolavadora, generador, motosierra, cortadora de pasto, orilladora,
        desmalezadora, podadora, bomba de agua, pistola de calor, pistola de silicona, cincel,
        gata hidraulica, escalera, carretilla, rastrillo, tijera de podar, multimetro, clavadora,
        cepillo electrico de madera, router de madera, remachadora, tornillo, clavo, perno,
        pintura, esmalte al agua, latex, brocha, rodillo, manguera, manguera de jardin,
        candado, cerradura, disco de corte, cautin, tester, pala de jardin, pala
        punta, nivel de burbuja, prensa rapida, espuma de poliuretano, silicona, sellante,
        multiherramienta, llave ajustable
    """,
    "lighting": """
        ampolleta, foco, foco led, lampara, lampara colgante, lampara de pie, lampara de mesa,
        lampara de escritorio, plafon, tubo led, tubo fluorescente, panel led, cinta led,
        aplique, reflector, proyector led, guirnalda, guirnalda de luces, luz led, luces led,
        luz de emergencia, linterna, velador lampara, iluminacion, farol, dicroica, bombilla,
        luminaria, lampara solar, luces de navidad, spot led, equipo led
    """,
    "pet_food": """
        alimento para perro, alimento para gato, alimento perro, alimento gato, alimento de
        perro, alimento de gato, alimento seco, alimento humedo, alimento seco para perro,
        alimento humedo para gato, alimento mascota, alimento para mascota, comida para perro,
        comida para gato, comida perro, comida gato, pellet perro, croqueta para perro, croqueta
        para gato, snack para perro, snack perro, snack para gato, snack gato, galleta para
        perro, galleta perro, dog chow, cat chow, pedigree, whiskas, master dog, master cat,
        champion dog, champion cat, champion katt, pro plan, royal canin, eukanuba, felix gato,
        cannes, doko, alimento cachorro, alimento para cachorro, perro adulto, gato adulto,
        alimento para ave, alimento para pez, hueso para perro, galletas para perro, bocadito
        para perro, alimento cachorros, dogui, dentastix, churu, purina, alimento gatito,
        alimento para gatito, alimento seco gatito, gatito, cachorro, alimento peces, galleta
        perro adulto, alimento gato adulto, alimento perro adulto, hueso mascota, alimento gatos
        adultos, antiparasitario, perro, gato, felino, canino, orijen, acana, hills, hill s,
        prescription diet, science diet, nutram, belcando, leonardo adult, fit formula, sabrokan,
        brit care, semillas para hamster, semillas para canario, alimento para conejo, pellet
        conejo, alimento para tortuga, reptomin
    """,
    "baby": """
        panal, panal desechable, panales, pampers, huggies, babysec, cotidian bebe, toallita
        humeda bebe, toallitas humedas bebe, toallitas bebe, toallita bebe, mamadera, biberon,
        chupete, chupete bebe, coche de bebe, coche bebe, coche paseo, coche, silla de auto,
        silla auto, silla nido, cuna, moises, corral, andador, silla de comer, bano bebe,
        banera, esterilizador, extractor de leche, leche de inicio, leche infantil, formula
        infantil, formula lactea infantil, nan, nido etapas, similac, enfamil, s 26, colado,
        picado bebe, compota bebe, papilla, cereal infantil, cereal nestum, nestum, mudador,
        portabebe, bebe, bebes, recien nacido, shampoo bebe, shampoo para bebe, colonia bebe,
        colonia para bebe, jabon bebe, crema de coceduras, hipogloss, monitor de bebe, monitor
        bebe, body bebe, ropa bebe, mundo bebe, pelela, chupete silicona, pomada para coceduras,
        alimento infantil, nutricion infantil
    """,
    "other": """
        accesorio, carcasa, funda, case, cover, lamina, mica, vidrio templado, protector de
        pantalla, screen protector, cargador, cargador usb, cable, cable usb, cable hdmi, cable
        de carga, adaptador, hub, dock, soporte, soporte tv, base notebook, base enfriadora,
        correa, pulsera, holder, tripode, selfie, power bank, powerbank, bateria externa,
        bateria, pila, pila aa, pila alcalina, control remoto, control remoto tv, control,
        filtro, kit de repuesto, antena, chromecast, tv box, apple tv, fire tv, roku, roku
        express, mochila, mochila notebook, bolso, maletin, cartera, billetera, maleta, teclado,
        mouse, mousepad, webcam, parlante, parlante bluetooth, barra de sonido, soundbar, equipo
        de musica, minicomponente, torre de sonido, home theater, subwoofer, microfono,
        impresora, multifuncional, tinta, toner, cartucho, procesador, tarjeta de video, tarjeta
        grafica, placa madre, fuente de poder, gabinete, disipador, ventilador pc, router, modem,
        repetidor, switch de red, smartwatch, reloj, smartband, smart band, galaxy watch, apple
        watch, camara, camara de seguridad, drone, gopro, proyector, all in one, pc gamer, pc
        escritorio, computador de escritorio, silla gamer, silla, mesa, rack, rack tv, mueble,
        sofa, colchon, cama, almohada, sabana, plumon, frazada, toalla de bano, cortina,
        alfombra, vela, vela aromatica, florero, maceta, planta, bicicleta, carpa, saco de
        dormir, mancuerna, trotadora, pesas, libro, cuaderno, lapiz, lapices, plumon escolar,
        resma, olla, sarten, vajilla, plato, vaso, copa, taza, mug, cuchillo, cuchara, tenedor,
        termo, botella, botella de agua, contenedor, organizador, caja, caja organizadora,
        carbon, encendedor, fosforo, cigarro, cigarrillo, neumatico, lubricante de motor, aceite
        de motor, aceite motor, aceite para motor, bateria de auto, gift card, garantia, seguro,
        instalacion, guitarra, piano, joya, anillo, aros, collar, lente de sol, lentes de sol,
        paraguas, juguete para perro, juguete para gato, collar para perro, correa para perro,
        cama para perro, shampoo para perro, shampoo perro, funda ipad, limpia contacto,
        limpiador de contacto, lampara uv, soporte monitor, brazo monitor, bolsa de regalo, bolsa
        reutilizable, velador, comoda, closet, tinta impresora, bateria notebook, cargador
        notebook, cargador portatil, lente, parlante portatil, equipo de sonido, parrilla,
        parrilla a carbon, repuesto para, repuesto de, samsung galaxy watch, mi band, redmi
        watch, huawei band, huawei watch, bowl, molde, fuente de vidrio, mantel, individual,
        macetero, sacacorcho, posavaso, secaplato, secavaso, porta utensilio, cubierto, loza,
        tazon, espatula, colador, rallador, abrelata, tabla de picar, dispensador, cojin, placa
        identificatoria, plantilla, prensa papa, brocha de silicona, rodillo de cocina, pala de
        padel, casco, juego de cama, set de cama, hervidor de leche, dispensador de jabon, cinta
        adhesiva, nota adhesiva, destacador, vela de cumpleanos, guirnalda metalica, globo, arena
        sanitaria, arena para gato, pipeta antiparasitario, filtro de agua, jarra, jarro, fuente,
        bandeja, asadera, utensilio, manopla, espejo, perchero, canasto, basurero, tendedero,
        escritorio, estante, tv box android, soporte celular, soporte para celular, soporte para
        tv, holder celular, estuche celular, estuche notebook, estuche para
    """,
}

BROAD_CATEGORY_WORDS: dict[CategoryGroup, str] = {
    "groceries": """
        despensa, abarrote, almacen, supermercado, alimento, fresco, congelado, mercado, quesos
        y fiambres, desayuno, reposteria, panaderia, pasteleria, carniceria, rotiseria,
        fiambreria, pescaderia, verduleria, golosina, confiteria, fiambre, cecina, dulce
    """,
    "beverages": "bebida y jugo, licoreria, bodega, bar",
    "personal_care": """
        perfumeria, belleza, belleza y cuidado, salud y belleza, tocador, afeitado, solar,
        proteccion solar, capilar, cabello, dental, higiene oral, cuidado oral, cuidado personal,
        cuidado capilar, cuidado bucal, higiene bucal, cuidado del cabello, higiene, depilacion
    """,
    "smartphones": "telefonia, telefono, movil",
    "notebooks": "computador, computacion",
    "clothing": "ropa, ropa deportiva, moda, mujer, hombre",
    "cosmetics": "rostro, cuidado facial",
    "cleaning": "papel, hogar, limpieza, aseo, aseo del hogar, articulo de limpieza",
    "appliances": "electrohogar, climatizacion, calefaccion, linea blanca, electrodomestico",
    "small_appliances": "pequeno electrodomestico, electrodomestico pequeno",
    "footwear": "calzado",
    "tools": "jardin, construccion, ferreteria",
    "pet_food": "mascota, perro, gato",
    "toys": "entretencion",
    "consoles": "gamer, gaming",
    "headphones": "audio",
    "pharmacy": "farmacia, salud, primeros auxilios, curacion, oftalmologia, nutricion",
    "baby": "infantil, maternidad",
}
"""Shelves of raw categories that hold several groups; asked last, when neither the
category nor the name has a word of ``PRODUCT_WORDS``."""

PET_SHELVES = """
    mascota, perro, gato, roedor, conejo, reptil, alimento para ave, ave y roedor, pajaro, acuario,
    dieta veterinaria
"""
"""Words of raw categories whose food is for animals."""

ACCESSORY_WORDS = """
    carcasa, funda, case, mica, lamina protectora, lamina hidrogel, lamina de vidrio,
    lamina lamina lamina vidrio templado, protector de pantalla, screen protector, correa
"""
"""What makes a listing an accessory wherever it stands in the name ("iPhone 15 Carcasa
Silicona"), unless it only comes along ("con funda", "incluye soporte")."""
