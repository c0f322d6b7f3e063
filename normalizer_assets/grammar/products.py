"""Words that name kinds of products and describe them, and so are no model.

Belongs here: Spanish and English product words, descriptions of packaging, flavours,
genders, concentrations and kinds of milk, folded. Does not belong here: brands,
colours and electronic parts.
"""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (" ".join(item.split()) for item in text.split(","))))


DEVICE_WORDS = _listed(
    """
    smartphone, smartphones, celular, celulares, telefono, telefono celular, telefono movil, movil,
    equipo, notebook, notebook gamer, portatil, computador, computadora, pc, all in one, desktop,
    ultrabook, tablet, smart tv, smarttv, televisor, televisores, television, tv, led tv, google
    tv, android tv, androidtv, webos, tizen, roku tv, uhd, ultra hd, full hd, fhd, hd, qhd, wqhd,
    4k, 8k, 2k, crystal uhd, hdr, hdr10, monitor, monitor gamer, pantalla, curvo, consola, control,
    joystick, disco, disco duro, disco externo, disco solido, unidad, ssd, hdd, nvme, m.2, sata,
    gen4, gen3, pcie, gen 4, gen 3, externo, interno, portable, pendrive, tarjeta, memoria, memoria
    ram, ram, rom, microsd, micro sd, ddr3, ddr4, ddr5, lpddr4, lpddr4x, lpddr5, lpddr5x,
    almacenamiento, tarjeta de video, tarjeta grafica, procesador, intel, amd, nvidia, geforce,
    radeon, windows 11, windows 10, windows, win11, win10, w11, w10, w11h, w10h, w11p, w10p,
    freedos, free dos, audifonos, audifono, auriculares, auricular, headset, headphones, earbuds,
    earphones, parlante, parlantes, barra de sonido, soundbar, bluetooth, inalambrico,
    inalambricos, inalambrica, wireless, true wireless, gamer, mouse, teclado, camara, impresora,
    multifuncional, smartwatch, reloj, reloj inteligente, reacondicionado, reacondicionada,
    seminuevo, refurbished, color, cargador, cable, carcasa, funda, lamina, mica, dual sim,
    dualsim, esim, nano sim, sim, android, ios, wom, entel, claro, movistar, gps, cellular,
    refrigerador, refrigerador side by side, side by side, no frost, frio directo, bottom freezer,
    top freezer, top mount, french door, freezer, frigobar, lavadora, lavadora secadora, secadora,
    lavasecadora, lavavajillas, carga frontal, carga superior, inverter, cocina, cocina a gas,
    encimera, campana, horno, horno electrico, microondas, freidora, freidora de aire, airfryer,
    air fryer, licuadora, batidora, procesadora, hervidor, hervidor electrico, cafetera, tostador,
    tostadora, plancha, plancha a vapor, aspiradora, aspiradora robot, robot, ventilador, estufa,
    calefactor, aire acondicionado, split, calefont, juguera, sanguchera, exprimidor, extractor,
    secador, secador de pelo, alisador, ondulador, depiladora, afeitadora, cortapelo, maquina,
    electrica, electrico, digital, automatico, automatica, puertas, quemadores, velocidades,
    taladro, taladro percutor, taladro atornillador, atornillador, rotomartillo, esmeril, esmeril
    angular, sierra, sierra circular, caladora, lijadora, percutor, set, kit, juego,
    destornillador, destornilladores, alicate, martillo, llave, llaves, huincha, brocha, pintura,
    esmalte, latex, ampolleta, ampolletas, foco, lampara, luz, luz fria, luz calida, plafon,
    herramientas, herramienta, bateria, baterias, pilas, pila, velador, colgante, gaming, tws, in
    ear, in-ear, on ear, on-ear, over ear, over-ear, open ear, open-ear, diadema, manos libres,
    cancelacion de ruido, cancelacion ruido, noise cancelling, tactil, tactiles, deportivo,
    deportivos, infantil, microfono, audio, sonido, subwoofer, torre de sonido, horizontal,
    vertical, doble funcion, cubiertos, cubierta, mesa, de mesa, sobremesa, de sobremesa,
    empotrable, empotrada, extractora, pared, muro, a gas, gas, gas natural, gas licuado, parafina,
    a parafina, lena, pellet, doble camara, rodante, balon, quemador, platos, vidrio,
    vitroceramica, induccion, ceramica, cromada, cromado, acero, acero inoxidable, inoxidable,
    inox, aluminio, madera, metal, metalico, plastico, evacuacion, vapor, condensacion, bomba de
    calor, centro de lavado, lavado, secado, carga, superior, frontal, semiautomatica, semi
    automatica, ecobubble, air bubble, quadwash, thinq, ai dd, turbodrum, instaview door in door,
    dispensador, dispensador de agua, motor, digital inverter, smart inverter, linear inverter,
    aceite, sin aceite, vaso, vaso de vidrio, jarra, de pie, pie, pedestal, personal, recargable,
    multiuso, universal, escritorio, de escritorio, techo, pelo, de pelo, barba, cabello, nariz,
    dental, cepillo, cepillo electrico, cepillo dental, de coser, coser, puntadas, de aire, aire,
    purificador, purificador de aire, humidificador, deshumidificador, seca, clasica, panes, tazas,
    programable, capsulas, espresso, molinillo, moledor, picadora, mini procesadora, batidora de
    pie, sanduchera, wafflera, parrilla, grill, olla, olla arrocera, arrocera, olla a presion,
    multicooker, balanza, pesa, robot aspirador, aspirador, mopa, limpieza, piso, alfombras, tapiz,
    agua, a presion, hidrolavadora, motosierra, soldadora, soldador, compresor, generador,
    cortadora de pasto, cortacesped, orilladora, desmalezadora, bencinera, bencina, escalera,
    tijera, peldanos, candado, cerradura, sellador, silicona, adhesivo, pegamento, clavos,
    tornillos, brocas, puntas, dados, maletin, caja, caja de herramientas, piezas, pzs, pza, medir,
    huincha de medir, nivel, serrucho, brushless, sin carbones, lumenes, calida, fria, neutra, luz
    neutra, dicroica, redondo, cuadrado, solar, led, guirnalda, luces, tira, tira led, tubo, tubo
    led, linterna, inteligente, smart, multicolor, rgb, regulable, proyector, proyector led,
    reflector, nordica, moderna, vintage, sensor, sensor de movimiento, usado, nuevo, nueva,
    original, oficial, garantia, hdmi, usb, usb c, usb-c, vga, displayport, jack, 3.5mm,
    chromecast, ambilight, vidaa, hey google, dolby, dolby vision, dolby atmos, dolby audio,
    triluminos, triluminos pro, motion, freesync, g-sync, gsync, plano, ultradelgado, borderless,
    sin bordes, bisel, pivotante, ajustable, vesa, videojuegos, juegos, edicion, edicion limitada,
    version, modelo, mod, mod., ref, ref., codigo, cod, tipo, alta, definicion, resolucion, psi,
    btu, frio calor, frio solo, on off, on-off, split muro, ventana, sdxc, sdhc, estado solido, ssd
    externo, disco de estado solido, lector, adaptador, hub, base, soporte, tripode, correa,
    correas, banda, bandas, protector, vidrio templado, templado, estuche, bolsa, funda protectora,
    magnetico, magnetica, carga rapida, rapida, rapido, potencia, potente, silencioso, silenciosa,
    ahorro, ahorro de energia, eficiencia, clase, clase a, energia, domestico, domestica,
    industrial, profesional, semiprofesional, hogar, oficina, exterior, interior, exteriores,
    interiores, jardin, bano, dormitorio, living, auto, automovil, vehiculo, camping, playa, viaje,
    nino, ninos, nina, ninas, adulto, adultos, hombre, mujer, unisex, grande, pequeno, pequena,
    mediano, mediana, largo, larga, corto, corta, ancho, alto, bajo, redonda, cuadrada,
    rectangular, ovalado, ovalada, plegable, plegables, extensible, desmontable, lavable,
    reutilizable, impermeable, resistente, resistente al agua, antideslizante, antiadherente,
    ergonomico, ergonomica, liviano, liviana, delgado, delgada, compacto, compacta, ligero, ligera,
    manual, electronico, electronica, mecanico, mecanica, optico, optica, alambrico, cableado, con
    cable, sin cable, alambrica, estereo, mono, nucleos, hilos, pulgadas, pulg, procesadores,
    graficos, video, fuente, fuente de poder, gabinete, placa madre, refrigeracion, disipador,
    cooler, router, repetidor, extensor, camara de seguridad, seguridad, vigilancia, timbre, sensor
    de puerta, enchufe, interruptor, alargador, zapatilla electrica, regleta, transformador, carga
    inalambrica, power bank, bateria externa, bateria portatil, litio, alcalina, alcalinas,
    recargables, impresora multifuncional, tinta, toner, cartucho, botella de tinta, laser,
    monocromatica, escaner, papel fotografico, calculadora, proyector portatil, telon, antena,
    decodificador, control remoto, mando, volante, silla, silla gamer, escritorio gamer, mousepad,
    mouse pad, alfombrilla, kit gamer, combo, combo teclado mouse, camara web, webcam, deportiva,
    accion, instantanea, reflex, lente, dron, drone, patineta, scooter, bicicleta, pulsera,
    fitness, monitor de actividad, actividad, cardiaco, frecuencia, altavoz, amplificador,
    tocadiscos, radio, karaoke, minicomponente, equipo de musica, home theater, teatro en casa,
    bajos, graves, extra bass, microfonos, lavavajilla, vinera, cava, cava de vinos, conservadora,
    congelador, congeladora, frio, calor, ciclo, filtro, filtros, repuesto, repuestos, accesorio,
    accesorios, bolsas, deposito, estanque, canister, ciclonica, ciclonico, 2 en 1, 3 en 1, 4 en 1,
    5 en 1, sandwichera, gofrera, crepera, vaporera, yogurtera, fondue, chocolatera, molino,
    cuchillo, cuchillos, tabla, sarten, sartenes, bateria de cocina, cacerola, tetera, termo, loza,
    vajilla, copas, vasos, cubierto, set de, juego de, kit de, par, par de, unidades, pack,
    planchas, parrillas, termoventilador, oleoelectrico, convector, turbo, halogeno, infrarrojo,
    toallero, termico, termica, rizador, alisadora, cepillo alisador, recortadora, rasuradora,
    corporal, facial, masajeador, tensiometro, termometro, nebulizador, bascula, llave inglesa,
    llave de impacto, impacto, lijadora orbital, orbital, banco, de banco, ingletadora, tronzadora,
    fresadora, router de madera, cepillo de carpintero, pistola, pistola de calor, pistola de
    silicona, remachadora, engrapadora, grapadora, bomba, bomba de agua, sumergible, centrifuga,
    generador electrico, inversor, soldadora inverter, mascara, mascara de soldar, guantes, lentes,
    casco, zapato de seguridad, overol, arnes, carretilla, pala, rastrillo, manguera, aspersor,
    podadora, sopladora, cortasetos, motocultivador, fumigadora, pulverizador, barniz, esmalte al
    agua, sintetico, anticorrosivo, rodillo, brochas, espatula, cinta, masking, pegamento de
    contacto, contacto, montaje, taco, tarugo, perno, pernos, tuerca, bisagra, manilla, cerradura
    digital, llave de paso, griferia, grifo, monomando, lavamanos, lavaplatos, ducha, wc,
    sanitario, espejo, cortina, alfombra, cojin, frazada, sabana, sabanas, plumon, cobertor,
    almohada, colchon, cama, sofa, estante, repisa, organizador, canasto, basurero, colgador,
    perchero, tendedero, ampolleta led, foco led, panel, panel led, aplique, aplique de muro,
    pantalla led, emergencia, equivalente, dimeable, blanco calido, blanco frio, luz dia, luz
    blanca, filamento, globo, vela, gota, bulbo, espiral, llavero, conector, conectores, memoria
    pc, regalo, smart watch, correa de silicona, cosmic, portatil gamer, lapiz, stylus, teclado y
    mouse, con teclado, caja abierta, open box, openbox, outlet, clase 10, uhs i, adaptador sd,
    almacenamiento externo, color negro, color blanco, version global, internacional, version
    internacional, chile, nacional, importado, sin caja, con caja, boleta, factura, sku, liberado
    todo operador, todo operador, operador, prepago, portabilidad, equipo liberado, meses de
    garantia, ano de garantia, anos de garantia, pantalla completa, pulgadas smart, frameless,
    marco, marco blanco, marco negro, control por voz, por voz, asistente de voz, alexa, google
    assistant, magic remote, netflix, youtube, bt, true, deportivos inalambricos, con microfono,
    microfono integrado, integrado, noise, cancelacion activa, activa, ruido, activa de ruido,
    estuche de carga, resistente a salpicaduras, fisico, edicion estandar, standard, estandar,
    edicion digital, con lector, lector de discos, mandos, dos mandos, juego fisico, videojuego,
    juego para, laser tv, cel, cel., telefono con tapa, tapa, gamer phone, nfc, workstation,
    workstation movil, octa core, octacore, quad core, dual core, copilot, copilot+, copilot pc,
    chrome os, con netflix, prime video, hbo, disney+, esports, nas, pen drive, microsdxc, micro
    sdxc, hdd interno, cmr, para dvr, teamgroup, multiplataforma, pedales, volante y pedales,
    retro, monitoreo, de monitoreo, estudio, hi-res, hi res, horas, conduccion, conduccion osea,
    osea, running, orejas de gato, orejas, luz led, a+, a++, a+++, mural, inclinada, touch, tiro,
    tiro forzado, tiro natural, forzado, glp, gn, display digital, timer, termocupla, quem, quem.,
    mecha, multiolla, olla multifuncion, recetas, citricos, de citricos, reacondicionado
    certificado, certificado, aspira y trapea, aspira, trapea, estacion, con estacion, arrastre, de
    arrastre, sin bolsa, con bolsa, vaporizador de prendas, vaporizador, prendas, peines, con
    peines, hasta, hepa, h13, resina, cuero, caucho, laser mono, sistema, mesh, wi-fi mesh,
    canales, tkl, retroiluminado, mtb, aro, frenos, frenos hidraulicos, hidraulicos, disco
    hidraulico, multiherramienta, francesa, llave francesa, caliente, sobreponer, de sobreponer,
    derecha, izquierda, flexo, focos solares, solares, estaca, tipo estaca, g45, a60, g95, st64,
    instalacion, instalacion basica, basica, r-32, r32, r290, btu/h, soporte mural, soporte mural
    gratis, gratis, contra golpes, resistente a golpes, golpes, con software, software,
    circumaurales, by harman, edad, para ninos, pegatinas, va, tn, docena, boys, girls,
    combi, multidoor, dual, ionizado, de mano, mano, rebanadas, cajones, oscilante, de torre,
    torre, videovigilancia, giratorio, por mayor, al por mayor, antigolpes, anti golpes,
    positivo derecho, positivo izquierdo, positivo, derecho, izquierdo, carpintero, gasolina, a
    gasolina, a bateria, rotativa, rotativo, velocidad variable, velocidad, variable, medidor,
    medidor laser, distancia, de distancia, pico de loro, mango, fibra, fibra de vidrio,
    movimiento, exterior solar, navidad, arbol de navidad, starter kit, paneles, closet,
    cajonera, comoda, cama europea, europea, box spring, boxspring, americana, respaldo,
    almohadas, dividida, base dividida, cuerpos, sofa cama, futon, sitial, poltrona, comedor,
    sillas, mesas, arrimo, rack, rack tv, bicicleta infantil, montana, urbana, paseo, electrica
    plegable, rodado, suspension, cambios, motoniveladora, trotadora, caminadora, eliptica,
    spinning, mancuernas, mancuerna, pesas, colchoneta, carpa, saco de dormir, quitasol,
    toldo, hamaca, piscina, estructural, impresora laser, impresora tinta, multifuncional
    laser, impresion, sistema continuo, tinta continua, fotocopiadora, plastificadora,
    guillotina, trituradora, puertos, punto de acceso, access point, amplificador de senal,
    amplificador wifi, camara ip, camara exterior, bullet, domo, ptz, vision nocturna,
    grabador, dvr, nvr, telefono fijo, telefono inalambrico, intercomunicador, citofono,
    videoportero, parlante portatil, parlante bluetooth, bocina, torre de audio, barra,
    receptor, tocadisco, vinilo, teclado mecanico, teclado numerico, cableada, de viaje,
    memoria usb, flash drive, externo portatil, antigolpe, bolsillo, carcasa para, protector de
    pantalla, reloj deportivo, reloj gps, monitor cardiaco, cinta de correr, lavadora
    automatica, carga automatica, agitador, tambor, semi, tina, doble tina, centrifuga de ropa,
    secadora a gas, ventilada, encimera a gas, encimera vitroceramica, encimera induccion,
    campana extractora, campana isla, isla, telescopica, horno empotrable, horno a gas, cocina
    electrica, hornillo, anafe, cocinilla, oven, tostador de pan, pan, fabricadora de pan,
    panificadora, maquina de hacer, maquina de coser, overlock, bordadora, hielo, fabricadora
    de hielo, dispensadora, exprimidora, extractor de jugo, prensa, molinillo de cafe, cafetera
    espresso, cafetera goteo, goteo, superautomatica, espumador, espumador de leche, hervidora,
    arrocero, coccion lenta, olla lenta, de presion, freidora sin aceite, doble canasto,
    canastos, hornito, asadora, plancha vertical, plancha de ropa, plancha seca, centro de
    planchado, planchado, robot limpiavidrios, limpiavidrios, limpiador, aspiradora de mano,
    aspiradora vertical, escoba, aspiradora escoba, polvo y agua, soplador, nebulizadora,
    purificadora, enfriador, climatizador, ventilador de techo, ventilador torre, turbo
    ventilador, estufa electrica, estufa a gas, estufa parafina, estufa pellet, panel
    calefactor, calefaccion, catalitico, radiador, oleo electrico, calienta camas, scaldasonno,
    cortadora de pelo, corta pelo, trimmer, perfilador, perfiladora, barbero, patillera,
    depilacion, luz pulsada, ipl, secador de cabello, rizadora, cepillo secador, cepillo de
    aire, argan y keratina, argan, keratina, ceramica ion, turmalina, ion, iones, titanio,
    placas, placas de ceramica, digital led, taladro inalambrico, taladro de banco, sierra de
    mesa, sierra sable, sierra cinta, sierra ingletadora, mezclador, mezcladora, demoledor,
    cincelador, martillo demoledor, clavadora, hidrolavadora a presion, bomba periferica, bomba
    centrifuga, compresor de aire, soldadora mig, soldadora arco, mig, tig, arco, amoladora,
    pulidora, aspiradora industrial, nivel laser, detector, multitester, tester, voltimetro,
    pie de metro, escuadra, llave ajustable, llave stilson, llave allen, juego de llaves, juego
    de dados, dado, chicharra, trinquete, sargento, morsa, tornillo de banco, alicate
    universal, alicate de punta, alicate cortante, cortante, universal aislado, aislado,
    destornillador de paleta, paleta, phillips, cruz, cincel, formon, hacha, maza, chuzo,
    picota, azadon, horqueta, tijera de podar, podar, serrucho de podar, manguera de riego,
    riego, programador de riego, regador, pistola de riego, pistola para pintar, pintar,
    bandeja de pintura, esmalte sintetico, latex interior, oleo, impermeabilizante, membrana,
    adhesivo de montaje, silicona neutra, espuma, espuma expansiva, poliuretano, cemento,
    mortero, yeso, masilla, pasta muro, huincha aisladora, cable electrico, tomacorriente,
    interruptor simple, panel solar, bateria solar, foco exterior, foco solar, ampolleta
    inteligente, tubo fluorescente, lampara de mesa, lampara de pie, lampara colgante, lampara
    de techo, luminaria, downlight, embutido, embutida, sobrepuesto, canaleta,
    roku, vision ai, full array, eye care, convertible, laptop, aptx, lossless, anc, hall
    effect, rgbic, autovaciado, moldeador, termoelectrica, termoelectrico, puerta, estilo,
    hidraulica, hidraulico, gata, gata hidraulica, decapadora, ingleteadora, metalica, partida
    electrica, partida, resortes, qd-mini led, qd mini led, mini led, qd, wireless controller,
    controller, gasificadas, mascota, atril, e-reader, ereader, lector electronico, elementos,
    in-ear monitor, cascos, con luces, rgb led, tiras, barra led, sobremuro, esquinero,
    esquinera, flotante, puerta de vidrio, vitrina, exhibidora, conservador, sumergible solar,
    decorativa, decorativo, decorativas, infantiles, juvenil, juveniles, ejecutiva, ejecutivo,
    ergonomica gamer, reclinable, con ruedas, apilable, apilables, melamina, terciopelo, cromo,
    aglomerado, mdf, pino, roble, encina, nogal
    """
)
"""Kinds of devices, household goods and tools, and what describes them."""

GOODS_WORDS = _listed(
    """
    perfume, perfumes, colonia, agua de colonia, fragancia, eau de parfum, leau de parfum, eau de
    toilette, leau de toilette, edp, edt, edc, eau de cologne, parfum, extrait, spray, vapo,
    vaporizador, tester, estuche, body, bebida, bebidas, gaseosa, agua, agua mineral, agua
    saborizada, con gas, sin gas, jugo, jugos, nectar, cerveza, cervezas, vino, vino tinto, vino
    blanco, espumante, pisco, ron, whisky, vodka, gin, licor, coctel, isotonica, energetica, bebida
    energetica, lager, botella, botellas, lata, latas, botellin, desechable, retornable, no
    retornable, pet, vidrio, tetra, tetrapack, caja, cajas, bolsa, bolsas, bandeja, frasco, sachet,
    tarro, pote, paquete, pack, display, formato, familiar, individual, multipack, tripack, bipack,
    doypack, caluga, barra, tableta, pulpa, con pulpa, malla, granel, tapa, con tapa, cremosa,
    leche, leche entera, leche en polvo, leche polvo, polvo, entera, semidescremada, descremada,
    semi descremada, sin lactosa, lactosa, natural, al natural, chocolatada, cultivada, condensada,
    evaporada, yogurt, yoghurt, yogur, batido, griego, queso, queso laminado, quesillo, laminado,
    mantequilla, margarina, crema, crema de leche, manjar, postre, flan, proteina, arroz, grado 1,
    grado 2, grado, g1, g2, grano largo, largo, delgado, ancho, grano, fideos, fideo, pasta,
    pastas, spaghetti, espagueti, tallarin, tallarines, corbata, corbatas, corbatitas, espirales,
    espiral, cabello de angel, cabello angel, fettuccine, fetuccini, penne, rigatoni, rigati,
    quifaros, caracoles, mostacholes, linguini, tagliatelle, canuto, canutos, lasana, noquis,
    corto, corta, al huevo, huevo, vitaminizado, integral, trigo, 100% trigo duro, duro, harina,
    azucar, sal, aceite, aceite de oliva, aceite vegetal, vegetal, oliva, extra virgen, maravilla,
    vinagre, salsa, salsa de tomate, en salsa de tomate, tomate, tomates, ketchup, mayonesa,
    mostaza, mermelada, miel, cafe, cafe instantaneo, instantaneo, te, te negro, te verde, hierbas,
    infusion, cereal, cereales, avena, granola, galleta, galletas, chocolate, chocolates, bombones,
    caramelos, dulces, chicle, goma de mascar, papas, papas fritas, papas hilo, snack, mani,
    ramitas, nachos, pan, pan de molde, molde, blanco, hallulla, tortillas, porotos, poroto,
    negros, rojos, blancos, tortola, hallados, hallado, granados, espanol, lentejas, garbanzos,
    arvejas, choclo, choclos, jurel, atun, sardina, sardinas, salmon, lomos, lomos de, lomitos, en
    aceite, al agua, en agua, ahumado, drenado, drenados, conserva, en conserva, duraznos, en
    cubos, en trozos, trocitos, picado, pina, palmitos, champinones, aceitunas, carne, molida,
    vacuno, pollo, cerdo, pavo, pechuga, pechugas, trutro, hamburguesa, hamburguesas, salchicha,
    salchichas, vienesas, longaniza, jamon, mortadela, congelado, congelada, congelados, al vacio,
    fresco, helado, helados, sopa, sopas, crema de, caldo, pure, premezcla, queque, bizcocho,
    polvos de hornear, levadura, sabor, sabor a, sabores, surtido, surtidos, clasico, clasica,
    clasicas, tradicional, premium, especial, listo, listos, listas, listo para servir, huevos,
    palta, manzana, platano, naranja, limon, tomate cherry, lechuga, zapallo, papa, cebolla,
    zanahoria, grande, chico, mediano, mediana, pequeno, extra grande, detergente, detergente
    liquido, liquido, en polvo, suavizante, suavizante de ropa, ropa, cloro, cloro gel, lavalozas,
    lavaloza, limpiador, limpiador multiuso, limpiapisos, limpiavidrios, multiuso, desinfectante,
    antigrasa, concentrado, esponja, esponjas, papel, papel higienico, toalla de papel, toalla,
    toallas, servilletas, panuelos, rollo, rollos, doble hoja, triple hoja, hojas, metros,
    insecticida, desodorante ambiental, aerosol, aroma, repuesto, recarga, shampoo, champu,
    acondicionador, balsamo, tratamiento, mascarilla, crema de peinar, cabello, capilar, jabon,
    jabon liquido, jabon de tocador, jabon en barra, gel de ducha, gel, desodorante,
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
    cuello redondo, cuero, slim fit, regular fit, outdoor, muneca, figura, auto, peluche,
    rompecabezas, puzzle, juguete, juego de mesa, bloques, alimento, alimento para perro, alimento
    para gato, alimento perro, alimento gato, comida, perro, perros, gato, gatos, adulto, adultos,
    cachorro, cachorros, senior, razas pequenas, razas medianas, raza pequena, razas grandes, raza
    mediana, raza grande, todas las razas, pellet, sabor carne, carne y pollo, snack perro, arena
    sanitaria, arena, hombre, hombres, mujer, mujeres, unisex, nino, nina, ninos, ninas, infantil,
    bebe, dama, masculino, femenino, masculina, femenina, for men, for women, for him, for her,
    pour homme, pour femme, men, women, woman, color, unidades, drenada, talla unica, sin, neto,
    peso neto, pelados, abre facil, congeladas, yodada, surtidas, cordero, lomo, liso, vetado,
    entrana, asado, posta, pimienta, negra, comino, oregano, verdura, verduras, vegetales,
    quitamanchas, capacidad, dureza, doble, triple, cabra, rosa, brut, reserva especial, pollo
    ganso, tapapecho, huachalomo, pimenton, calabaza, empanada, empanadas, refrigerado,
    refrigerada, refrigerados, purificada, purificado, importada, importado, importados, nacional,
    chileno, artesanal, casero, casera, organico, organica, vegano, vegana, vegetariano,
    vegetariana, saludable, sobre, sobres, saco, sacos, lamina, laminas, rebanado, rebanada,
    rebanadas, mitad, mitades, entero, enteras, enteros, trozo, trozos, trozado, cubo, cubos,
    cubitos, rodaja, rodajas, tiras, tira, filete, filetes, molido, molidos, picada, picadas,
    pelado, pelada, deshuesado, alas, alitas, muslo, muslos, pierna, piernas, pata, patas, oreja,
    hueso, costillar, chuleta, chuletas, osobuco, plateada, sobrecostilla, asiento, punta picana,
    malaya, abastero, guatita, panita, higado, nuggets, crocante, crocantes, crujiente, crujientes,
    apanado, apanados, apanada, rebozado, frito, frita, horneado, horneadas, tostado, tostada,
    tostadas, asada, cocido, cocida, cocidos, crudo, cruda, marinado, marinada, sazonado, adobado,
    granulada, granulado, fino, gruesa, grueso, extra, extrafina, flor, rubia, morena, impalpable,
    rubio, stevia, estevia, sucralosa, endulzante, edulcorante, instantanea, espesa, espeso,
    ligera, ligero, liquida, frutal, frutales, frutas, fruta, semillas, semilla, granos,
    multigrano, multicereal, centeno, linaza, chia, quinoa, quinua, maiz, avellanas, nueces, pasas,
    ciruela, ciruelas, datiles, mezcla, frutos secos, tropical, citrico, citrica, surtida, sour,
    alcohol, cafeina, descafeinado, reducido, rico en, fuente de, enriquecida, enriquecido,
    fortificada, fortificado, calcio, hierro, fibra, fibras, aromatico, aromatica, perfumado,
    perfumada, perfumados, fragancias, aromas, floral, flores, campo, bosque, brisa, marina,
    limpieza, profunda, profundo, intensa, intenso, suave, suavidad, fuerte, delicado, delicada,
    sensible, sensibles, piel, pieles, seca, seco, graso, grasa, grasos, mixta, normal, normales,
    rizos, rizado, rizados, lisos, danado, danados, maltratado, tenido, tenidos, caspa, anticaspa,
    caida, anticaida, crecimiento, hidratante, hidratacion, nutritiva, nutritivo, nutricion,
    humectante, reparador, reparadora, reparacion, restauracion, revitalizante, fortalecedor,
    voluminizador, volumen, brillo, antifrizz, antiedad, anti edad, antiarrugas, aclarante,
    blanqueador, blanqueadora, blanqueante, antibacterial, antibacteriano, neutro, hipoalergenico,
    hipoalergenica, dermatologico, infantiles, bebes, recien nacido, dia, noche, diario, diaria,
    uso diario, nocturno, nocturnas, nocturna, con alas, flujo, abundante, moderado, ultrafina,
    ultrafinas, delgadas, desechables, descartable, absorbente, absorbentes, incontinencia,
    gigante, economico, ahorro, dispensador, bidon, galon, envase, envases, botellon, garrafa,
    barril, pomo, tubo, ampolla, ampollas, gotas, gotero, stick, barrita, barritas, pastilla,
    pastillas, perlas, discos, desmaquillante, desmaquillantes, limpiadora, exfoliante, tonico,
    contorno de ojos, contorno, ojos, labios, unas, cejas, rostro, cuerpo, pies, mano, axilas,
    intimo, intima, cabellos, cuero cabelludo, barba, peinar, fijacion, laca, mousse, cera, pomada,
    unguento, gloss, iluminador, bronceador, autobronceante, primer, fijador, paleta, brochas,
    brocha, pincel, quitaesmalte, removedor, cortaunas, cotonitos, bastoncillos, mascarillas,
    guante, guantes, curitas, parche, parches, vendas, gasa, agua oxigenada, povidona, suero, suero
    fisiologico, solucion, inhalador, antigripal, analgesico, antiinflamatorio, antialergico,
    antiacido, digestivo, laxante, probiotico, probioticos, colageno, magnesio, zinc, melatonina,
    multivitaminico, proteina whey, whey, creatina, solar, factor, fps, spf, toque seco, emulsion,
    fluido, sales de bano, espuma, after shave, mist, inspirado, inspirada, regalo, set, cofre,
    prendas, oscuras, lavado, lavar, lavadora, secadora, loza, vajilla, platos, cocina, bano,
    vidrios, pisos, piso, muebles, madera, superficies, desengrasante, lustramuebles, destapador,
    desatascador, ambiental, ambientador, difusor, vela, velas, varillas, electrico, enchufe,
    basura, film, plastico, aluminio, servilleta, mantel, panos, pano, traperos, trapero, mopa,
    escoba, escobillon, pala, balde, goma, virutilla, cucarachas, moscas, mosquitos, hormigas,
    aranas, zancudos, repelente, basica, basico, basicos, lisa, estampado, estampada, estampados,
    rayas, rayado, cuadros, bordado, bordada, encaje, tejido, tejida, lino, seda, lana, poliester,
    nylon, gamuza, gabardina, cotele, denim, mezclilla, jersey, polar, softshell, impermeable,
    termica, termico, acolchada, acolchado, reversible, capucha, mangas, manga, cuello, polo,
    tirantes, tiro alto, tiro medio, recto, recta, ajustado, ajustada, ancha, oversize, oversized,
    slim, skinny, regular, relaxed, loose, cargo, jogger, joggers, capri, bermuda, bermudas,
    enterito, jardinera, pilucho, piluchos, ajuar, conjunto, ambo, terno, blazer, bata, camisa de
    dormir, ropa de dormir, pijamas, slip, slips, boxers, brief, colaless, panty, pantys, medias,
    media, calcetas, par, pares, invisibles, soquetes, taco, tacos, tacon, plataforma, plataformas,
    plana, plano, planas, ballerina, ballerinas, mocasin, mocasines, alpargata, alpargatas, chala,
    chalas, zueco, zuecos, trekking, senderismo, caminata, escolar, escolares, colegio, formal,
    vestir, casual, basquetbol, futbol, futbolito, padel, tenis, ciclismo, natacion, gimnasio,
    entrenamiento, correr, caminar, playa, piscina, nieve, montana, camping, carpa, carpas,
    personas, balon, pelota, pelotas, raqueta, voleibol, mancuerna, mancuernas, colchoneta,
    bicicleta, juguetes, juego, juegos, didactico, didactica, educativo, educativa, interactivo,
    interactiva, musical, sonajero, mordedor, andador, coche, cuna, silla, mamadera, mamaderas,
    chupete, chupetes, vaso, plato, cuchara, babero, vehiculo, camion, tren, pista, autos, avion,
    helicoptero, dinosaurio, dinosaurios, animal, animales, munecas, muneco, munecos, accesorios,
    disfraz, pintar, colorear, dibujo, plastilina, plasticina, masa, slime, lapices, lapices de
    colores, lapiz, plumones, plumon, marcadores, marcador, tempera, temperas, acuarela, acuarelas,
    cuaderno, cuadernos, universitario, croquera, resma, carpeta, archivador, sacapuntas, tijeras,
    pegamento, libro, libros, novela, cuento, cuentos, agenda, globos, cumpleanos, cartas, humedo,
    humeda, humedos, secos, gatitos, gatito, castrado, castrados, esterilizado, esterilizados,
    sobrepeso, anos, meses, premios, premio, huesos, snacks, antipulgas, pulgas, garrapatas,
    pipeta, collar, correa, aglomerante, aglutinante, sanitaria, deshidratada, deshidratado,
    deshidratadas, para preparar, preparada, preparado, precocido, rigate, integrale, mexicana,
    oriental, rustica, rustico, bocado, cuadrado, cuadrada, redondo, redonda, larga, laminada,
    rallado, rallada, untable, fundido, mantecoso, gouda, gauda, mozzarella, mozarela, cheddar,
    edam, parmesano, ricotta, chanco, brie, camembert, maduro, madura, verde, mandarina,
    mandarinas, pomelo, kiwi, sandia, melon, uvas, peras, manzanas, naranjas, limones, platanos,
    paltas, cebollas, zanahorias, zapallito, brocoli, coliflor, espinaca, espinacas, acelga,
    repollo, apio, pepino, pepinos, aji, ajo, cilantro, perejil, betarraga, esparragos, berenjena,
    choritos, almejas, camarones, camaron, merluza, reineta, tilapia, congrio, mariscos, pescado,
    pescados, anchoas, caballa, calamar, kanikama, coco, chirimoya, lucuma, vienesa, salame,
    chorizo, pate, tocino, prieta, malta, palomitas, cabritas, turron, alfajor, alfajores, oblea,
    obleas, gelatina, jalea, budin, semola, mazamorra, sopaipillas, humitas, pastel de choclo,
    milanesa, croquetas, falafel, hummus, tofu, tahini, curry, canela, curcuma, jengibre, paprika,
    laurel, romero, albahaca, cacao, dulce de leche, cobertura, chips, relleno, rellena, rellenas,
    rellenos, cubierto, cubierta, banado, banada, sandwich, helado de agua, cassata, torta, pie,
    kuchen, brownie, muffin, donuts, croissant, baguette, ciabatta, pita, integrales, salvado,
    inflado, hojuelas, copos, muesli, energizante, hidratacion deportiva, saborizada, polvo
    instantaneo, colados, picados, papilla, sin sal, frutos, raiz, jarron, llavero, conector,
    conectores, repuesto de, repuestos, cartuchos, cartucho, preservativo, preservativos, condones,
    potes, pique, plush, retractil, chiporro, gallina, gallinas, libre, libres, canarios, aves,
    peces, pajaros, conejo, conejos, hamster, paracetamol, ibuprofeno, aspirina, loratadina,
    cetirizina, desloratadina, omeprazol, esomeprazol, naproxeno, diclofenaco, ketoprofeno,
    clorfenamina, amoxicilina, losartan, metformina, atorvastatina, clotrimazol, fluconazol,
    salbutamol, levotiroxina, acido, acido acetilsalicilico, acido folico, acido hialuronico,
    hialuronico, salicilico, vitamina c, vitamina d, vitamina e, b12, omega 3, complejo b,
    recubiertos, efervescente, efervescentes, masticable, masticables, grageas, suspension, oral,
    topico, topica, nasal, oftalmico, pediatrico, pediatrica, adultos mayores, termometro, digital,
    flexible, punta, blanda, automatico, tensiometro, mascarilla kn95, kn95, quirurgica, pliegues,
    test, prueba, embarazo, antigeno, lubricante, jeringa, jeringas, algodones, rinonera, muy,
    extra seca, muy seca, todo tipo, todo tipo de piel, tipo de piel, tipos, sin perfume, sin
    parabenos, sin sulfatos, sin alcohol, parabenos, sulfatos, siliconas, ceramidas, niacinamida,
    retinol, keratina, queratina, biotina, argan, aceite de argan, palta y oliva, coco y, miel y,
    avena y, aloe, aloe vera, manzanilla, romero y, carbon, carbon activado, arcilla, te verde y,
    micelar, micelares, termal, hidratante facial, hidratante corporal, para manos, para pies, para
    el cuerpo, hombres y mujeres, matificante, mate, matte, satinado, brillante, perlado, larga
    duracion, duracion, resistente, a prueba de agua, ivory, nude, classic ivory, porcelana, claro,
    clara, medio, oscuro, oscura, castano, castana, rubio claro, rubio oscuro, cobrizo, caoba,
    ceniza, negro azulado, tono sobre tono, permanente, semipermanente, amoniaco, sin amoniaco,
    cubre canas, canas, reflejos, decolorante, oxidante, matizador, violeta, alisado, alisante,
    termoprotector, protector termico, puntas, ondas, definicion, control, bebe recien nacido,
    recien nacidos, prematuro, etapa 1, etapa 2, etapa 3, etapa 4, primera etapa, inicio,
    continuacion, lactea, lactantes, tetina, tetinas, anticolico, silicona, vaso entrenador,
    entrenador, desmontable, calzoncillo, calzoncito, calzoncitos, pants, absorbente de leche,
    toalla humeda, toallas humedas, algodon organico, mamelucos, mameluco, osito, gorrito, baberos,
    mantita, manta, mantas, sabanilla, panuelo, panal de tela, panal ecologico, ecologico,
    ecologica, biodegradable, biodegradables, una hoja, hoja, hoja simple, simple, extra largo,
    metro, panuelos desechables, faciales, en caja, bolsillo, industrial, institucional, diluible,
    concentrada, bicarbonato, ropa blanca, ropa color, ropa oscura, ropa de color, colores, poder,
    doble poder, accion, triple accion, quita manchas, antimanchas, manchas, aroma lavanda,
    lavanda, limon y, pino, citrus, primavera, brisa marina, campos, flores blancas, jazmin,
    vainilla, eucalipto, manzana verde, frescura, bano y cocina, hongos, sarro, antisarro, moho,
    antihongos, cal, wc, inodoro, tanque, estanque, pastilla de cloro, gatillo, pistola, con
    gatillo, refill, botella plastica, gel limpiador, crema limpiadora, limpia hornos, hornos,
    quita grasa, alfombras, tapices, calzado, betun, matamoscas, mata cucarachas, cebo, trampa,
    tabletas repelente, citronela, velon, incienso, sahumerio, aromatizante, aromatizador,
    fosforos, encendedor, lena, parafina, hielo, cuchillo, tenedor, carton, bombilla, bombillas,
    mondadientes, filtro de cafe, filtros de cafe, moldes, asadera, budinera, jarro, jarra, mug,
    taza, tazas, plato hondo, bowl, ensaladera, fuente, colador, rallador, abrelatas, sacacorchos,
    cola luminosa, luminosa, luminoso, luces, sonido, sonidos, lanzador, dardos, juego de cartas,
    mesa, tablero, ajedrez, domino, bloques de construccion, construccion, piezas, armable, armar,
    coleccion, coleccionable, vehiculos, control remoto, radio control, radiocontrolado, pilas,
    cocinita, doctor, herramientas, casita, carro, carrito, caballo, unicornio, sirena, perrito,
    oso, osito de peluche, conejito, burbujas, pompero, inflable, inflables, flotador, columpio,
    resbalin, trampolin, cama elastica, triciclo, monopatin, patines, casco, rodilleras, triciclo
    con, mochila con ruedas, lonchera, cosmetiquero, billetera, monedero, banano, maleta, cabina,
    ruedas, cuerina, eco cuero, sintetico, sintetica, textil, lona, gorra, visera, bufanda, lentes
    de sol, lentes, anteojos, aros, anillo, pulsera, cadena, joyero, reloj, paraguas, corbatin,
    suspensores, peto, petos, top, crop, tops, sudadera, hoodie, canguro, cierre, botones,
    bolsillos, elasticado, elasticada, pretina, pinzas, plisada, plisado, midi, sin costuras,
    costuras, push up, copa, algodon pima, pima, franela, felpa, pluma, plumas, sherpa, vellon,
    gorro de lana, tejido punto, punto, trenzas, hilo, crochet, satin, satinada, viscosa, lycra,
    elastano, antideslizantes, bombachas, bombacha, trusa, camiseta termica, primera capa, segunda
    piel, uniforme, delantal, polera escolar, basquet, zapatos escolares, zapatos de seguridad,
    punta de acero, dielectrico, plantilla, plantillas, cordones, velcro, hebilla, cano alto, cano
    bajo, cana alta, cana, tobillo, chelsea, rodilla, suela, tractor, chunky, destalonado,
    destalonada, stiletto, fiesta, novia, comunion, refresco, refrescos, sesamo, lenteja, garbanzo,
    yuca, mandioca, baby, vegan, crispy, crunchy, chewy, estilo, flakes, squeeze, angus, wagyu,
    hereford, fantasia, de fantasia, servir, para servir, de mesa, abejas, de abeja, mar, de mar,
    marshmallow, marshmallows, gomita, gomitas, barras, ravioli, raviolis, tortelloni, tortellini,
    cappelletti, sorrentinos, canelones, lasagna, gnocchi, pesto, bolognesa, alfredo, carbonara,
    pomodoro, escalopa, escalopas, paila marina, paila, jaiba, erizos, machas, locos, navajuelas,
    cholgas, cochayuyo, luche, plaza, plazas, super king, full, small, medium, large, cortar, todo
    uso, uso domestico, multiusos, de cocina, francesa, espanola, argentina, peruana, italiano,
    peruano, argentino, uruguayo, de campo, patagonico, patagonica, andino, andina, chilote,
    chilota, del sur, seleccionado, seleccionada, de primera, primera, calibre, granja, de granja,
    organicos, endulzado, endulzada, azucarado, azucarada, salado, salada, saladas, salados,
    agridulce, picante, picantes, suaves, amargo, amarga, semiamargo, bitter, dulces surtidos,
    toffee, cremoso, cremosos, esponjoso, esponjosa, humectada, batida, chantilly, nata, tallos,
    corazones, corazon, fondos, fondo, medallon, medallones, bife, bistec, churrasco, carne picada,
    tartaro, picanha, entrecot, tomahawk, costilla, costillas, tuto, tutos, pana, contre,
    interiores, menudencias, jabali, ciervo, ternera, novillo, ovino, lechon, pernil, queso de
    cabeza, salchichon, cantimpalo, pepperoni, chorizos, longanizas, butifarra, parrillero,
    parrillera, petalos, sal rosada, sal de mar, marino, cahuil, ahumada, ahumados, encurtido,
    encurtidos, escabeche, en escabeche, alcaparras, banderillas, pickles, chucrut, cebollitas, en
    vinagre, aceto, balsamico, de vino, de manzana, de arroz, de soya, soya, soja, teriyaki,
    tabasco, sriracha, barbacoa, cesar, ranch, tartara, golf, alioli, chimichurri, pebre, salsa
    verde, condimento, condimentos, alino, alinos, especias, hierbas finas, nuez moscada, clavo de
    olor, cardamomo, anis, jamaica, boldo, menta, cedron, tilo, rooibos, chai, matcha, english
    breakfast, earl grey, rojo, negro, en grano, capuchino, cappuccino, latte, mocaccino,
    achocolatado, saborizante, liofilizado, soluble, suelto, colada, bebible, bebibles, con trozos,
    con frutas, con cereal, con granola, natural endulzado, firme, proteico, alto en proteina, alta
    proteina, deslactosado, deslactosada, parcialmente descremada, pasteurizada, uht, larga vida,
    de almendras, de coco, de avena, almendra, tinto, rosado, rose, gran reserva, reservado,
    varietal, cosecha, joven, crianza, brut nature, extra brut, demi sec, dulce, semi seco,
    semiseco, blend, ensamblaje, pale ale, ipa, porter, roja, de trigo, sin filtrar, artesanales,
    anejo, anejado, doble destilado, transparente, reservado especial, botellas vidrio,
    retornables, botella retornable, vidrio retornable, compartir, para compartir, individuales,
    surtido de, variedad, variedades, assorted, rojo intenso, veg, inst, lam, yog, beb, cerv, gall,
    fco, bot, pqte, pqt, cja, bsa, doy, und, unds, imp, deterg, liq, pvo, acond, suav, deo, desod,
    maq, zap, trad, refrig, cong, frut, prot, hum, higienico, adic, s/azucar, s/lactosa, c/palo,
    con palo, sin palo, suizo, suiza, francesas, escoces, escocesa, irlandesa, irlandes, danesa,
    danes, belga, aleman, alemana, francia, alemania, italia, espana, holandes, holandesa, griega,
    japones, japonesa, coreano, coreana, cubano, cubana, mexicano, colombiano, brasileno, etiope,
    dos, tres, cuatro, cinco, seis, doce, kilo, kilo y medio, litro, rinde, desde, hasta,
    porciones, porcion, incluye, no incluye, no incluidas, incluidas, eleccion, a eleccion, marca,
    marca a eleccion, food service, 2da unidad, segunda unidad, descuento, felino, felinos, canino,
    caninos, tortuga, tortugas, roedor, roedores, cobayo, cobayos, erizo, reptiles, tequila,
    vermouth, mezcal, aguardiente, aperitivo, licor crema, espumoso, sangria, mayo, wafer, wafers,
    ositos, gomas, polvos, con polvos, yerba, yerba mate, prefritas, prefrita, filetitos,
    bocaditos, bandejita, menos sodio, sodio, bajo en sodio, baja en sodio, en frio, frio,
    prensado, sixpack, fourpack, champagne, dark ale, repostero, reposteria, batir, para batir,
    calabacin, limpieza diaria, sobremesa, extractor, extractor de leche, hipoalergenicas,
    monodosis, de bambu, bambu, hisopos, hisopo, digitales, tintura, tinturas, kit completo,
    completo, efecto, efecto natural, postizas, pestanas postizas, pinza, aplicadora, todo en 1,
    todo en uno, 2en1, 2 en 1, 3 en 1, en 1, bloque, soda, soda caustica, caustica, escamas,
    autobrillo, mata insectos, insectos, giratoria, spin, jardin, poliuretano, expansiva, tela,
    tela adhesiva, adhesiva, medidor, glucosa, kit medidor, blandas, capsulas blandas,
    cortavientos, puffer, flare, trabajo, boardshort, visita, visitante, camiseta interior,
    interior, sweatshirt, hoody, jacket, crewneck, wmns, horma, horma ancha, seguridad, de
    seguridad, baby futbol, trote, clog, sin barba, cuadrille, elastico, entallada, entallado,
    polerones, ultimas, ultimas unidades, fem, masc, var, con brillo, base fluida, fluida, esmalte,
    urea, fotoprotector, anticelulitico, reafirmante, bb cream, cc cream, fragrance, fine
    fragrance, pack promocional, oferta, dental, electrico recargable, cepillos, interdentales,
    figura articulada, articulada, muneca articulada, autitos, con accesorios, accesorio,
    tirachinas, juego de mesa en espanol, en espanol, gel de limpieza, gel crema, ms, ws, alc,
    vinos, iqf, salero, al, six pack, four pack, multi pack, twin pack,
    twinpack, duopack, trio pack, triple pack, docepack, docena, media docena, comp, boys, girls,
    alim, alim., alimento humedo, alimento seco, pouch, gta, gtas, gta., semidesc, semidesc.,
    desc, desc., nat, nat., sab, sab., ed, ed., gl, g.l., no ret, no ret., ret., noret, desech,
    despacho, rm, despacho gratis, stgo, santiago, hornear, polvo hornear, duo,
    fina, ropa fina, largos, cortos, sin alas, colegial, calzones, bodies, pantimedia, cintura,
    tiro bajo, mom, wide leg, baggy, palazzo, culotte, camisas, cardigan, poncho, chaqueton,
    tecnica, dry fit, camisola, trail, trail running, casuales, balerina, hawaiana, taco alto,
    nobuck, charol, botin cuero, colegial mujer, casa, casa de munecas, looping, ladrillos,
    ladrillos creativos, creativos, caja de ladrillos, cubo magico, arrastre, de arrastre,
    didacticos, montessori, ascensor, camiones, barco, peluches, figuras, de accion, playset,
    set de juego, masas, pizarra, yoyo, trompo, pistola de agua, lanza agua, moto, moto a
    bateria, a bateria, correpasillos, movil, cascabel, silla nido, coche de paseo, corral,
    silla de auto, silla alta, comedor, banera, mudador, vaso antiderrame, antiderrame,
    esterilizador, monitor bebe, panal adulto, humedas, leche corporal, emulsionado,
    canastillo, canastillo wc, pastilla estanque, limpiador liquido, limpia vidrios, limpia
    pisos, bolsa de basura, bolsas de basura, papel aluminio, alusa, tratamiento capilar,
    mascarilla capilar, tocador, en barra, rollon, talco, crema gel, after sun, pasta dientes,
    cepillo de dientes, bucal, espuma de afeitar, prestobarba, toalla higienica, higienicas,
    protectores, diarios, piel seca, piel sensible, secas, alta cobertura, alta, compacto,
    primer facial, labial liquido, brillo labial, paleta de sombras, desnaturalizado,
    suspension oral, ungento, crema topica, omega, alcohol gel, venda, curita, termometro
    clinico, clinico, glucometro, test de embarazo, leche semidescremada, leche descremada,
    leche cultivada, leche chocolate, yoghurt batido, postre lacteo, lacteo, queso crema, queso
    gauda, reggianito, en laminas, mantequilla con sal, con sal, crema espesa, crema para
    batir, grandes, huevos grandes, gallina libre, lomitos de atun, choclo grano, duraznos en
    mitades, pinas, en rodajas, pure de papas, bolsitas, cafe molido, grano
    entero, cacao en polvo, jalea en polvo, maicena, almidon de maiz, harina con polvos, sin
    polvos, virgen, salsa tomate, aji crema, pasta de tomate, mostaccioli, avena instantanea,
    barra cereal, barra de cereal, galletas de agua, crackelet, ponque, tortilla, chicles,
    fritas, mix, almendras, sal fina, merken, jamon cocido, jamon pierna, trutros, carne
    molida, pizza, papas prefritas, casata, ave, galleta perro, en salsa,
    verano, invierno, otono, playero, playera, kimono, repisa, flotante, nitrilo, anticorte,
    perfumero, atomizador, punta composite, composite, cuello alto, cuello v, alto, bazooka,
    hoyos, con mascota, mascota, virtual, cuarteto, familia, con flores, a rayas, jaspeado,
    jaspeada, calado, calada, con capucha, con bolsillos, con cinturon, sin mangas, tres
    cuartos, crop top, basicas, polerita, falda pantalon, minifalda, short falda, ovejita,
    peluda, rib, acanalado, acanalada, brillos, lentejuelas, animal print, camuflado, tie dye,
    popelina, crepe, tul, con lazo, lazo, taco bajo, taco medio, punta fina, con pulsera,
    destalonados, abotinada, biker, militar, texana, cowboy, de agua, lluvia, bota de agua,
    apres ski, ski,
    pepinillos, choc, ginger ale, whiskey, hig, hig., descrem, descrem., amb, amb., jaula,
    libre de jaula, centro, duquesas, papas duquesas, alpiste, canario, orquidea, sabila, gel
    fijador, extra fuerte, cabernet sauvignon, cabernet, sauvignon blanc, sauvignon, carmenere,
    merlot, malbec, syrah, shiraz, chardonnay, pinot noir, pinot, riesling, moscatel, semillon,
    cinsault, viognier, petit verdot, tannat, garnacha, cap, cap., powder, aprox, aprox., nuevo
    sellado, con sabila, rosas, herbal,
    bombon, frescas, frescos, champinon, fusilli, farfalle, rigatti, spirali, bourbon, cereza,
    cerezas, napolitana, toscana, bolonesa, quesos, frutillas, camote, camotes, tubular, basmati,
    skyr, quiche, criollo, criolla, suspiro, habas, malva, leches, colacion, colaciones, compota,
    ravioles, bicolor, passata, ciboulette, merquen, albondiga, albondigas, croqueta, trenza,
    pastel, pasteles, trufa, trufas, tiritas, tarta, tartas, pascualina, grados, huesillo,
    huesillos, jibia, tomillo, lomito, mollejas, picana, alcachofa, alcachofas, anillos, risotto,
    arveja, membrillo, huevitos, costillitas, chuletitas, palmeras, picadillo, polenta, nidos,
    linguine, capelli, cabellitos, legumbres, frijoles, eneldo, estragon, mote, cuscus, cous cous,
    canola, pepitas, castanas, orejones, higos, higo, papayas, tuna, granny, fuji, pink lady,
    tortas, queques, brazo de reina, berlines, donas, dona, medialunas, medialuna, marraqueta, pan
    de pascua, arepas, hojaldre, pre pizza, mostacciolis, letras, municiones, rosamarina,
    choricillo, prietas, jamonada, salami, filetillo, filetillos, posta rosada, palanca, ganso,
    trucha, centolla, pulpo, surimi, ulte, humita, pastelera, charquican, cazuela, valdiviano,
    chancho en piedra, sillao, vinagreta, guacamole, aceituna, champinones laminados, cocktail de
    frutas, ceilan, melisa, oolong, demisec, late harvest, cosecha tardia, franc, sauvignon gris,
    gewurztraminer, carignan, mourvedre, mango sour, amaretto, ponche, cola de mono, sidra,
    pilsner, paletas, barquillo, barquillos, cono, conos, calugas, mazapan, merengue, merengues,
    cuchufli, cuchuflis, mantecol, suflitos, crackers, grisines, galletones, galleton, chuno,
    fecula, syrup, chispas, decoracion, colorante, tagatosa, alulosa, chancaca, panela,
    multisuperficies, domiciliario, contenedor, escobilla, plumero, secaplatos, secaplato,
    rejilla, cuerda, limpiahornos, quitasarro, sacagrasa, limpia alfombras, limpia tapiz, cortinas
    de bano, pisos flotantes, ceramicas, maderas, urinario, destapa canerias, destapacanerias,
    tanza, virutillas, lavatorio, tabla de planchar, colgadores, perritos, bolsas hermeticas,
    briquetas, mata polillas, naftalina, polillas, ratones, ratas, tubos, anti frizz, anti
    quiebre, antiquiebre, matizante, gomina, manteca corporal, vaselina, lima de unas, limas,
    rizador de pestanas, espejo, peineta, peine, cepillo de pelo, colets, pinches, cintillo,
    cintillos, cepillo interdental, irrigador, blanqueamiento, adhesivo dental, protesis, limpia
    protesis, copa menstrual, sabanillas, toallitas intimas, crema depilatoria, bandas
    depilatorias, cera depilatoria, cera fria, locion after shave, post solar, protector labial,
    gasas, venda elastica, apositos, tela micropore, agua oxigenada 10 volumenes, termometro
    infrarrojo, oximetro, nebulizador, saturometro, baston, muletas, faja, rodillera, tobillera,
    munequera, codera, media de compresion, jarabe para la tos, vitamina d3, colageno hidrolizado,
    monohidratada, aminoacidos, bcaa, glutamina, pre entreno, quemador de grasa, gotas oftalmicas,
    colirio, supositorios, inyectable, puzzles, excavadora, trenes, garaje, set medico, maletin
    medico, caja registradora, skate, balones, bate, raquetas, paletas de playa, frisbee,
    volantin, hula hula, cuerda de saltar, tobogan, masa para modelar, pizarra magica, tatuajes,
    disfraces, peluca, guirnaldas, cotillon, naipes, bingo, memorice, loteria, trompos, yo yo,
    llaveros, coleccionables, miniatura, a control remoto, radiocontrol, a friccion, musicales,
    mordedores, piso de goma eva, goma eva, centro de actividades, saltarin, mecedora, colecho,
    moises, porta bebe, portabebe, fular, mochila porta bebe, travel system, butaca, alzador,
    silla de comer, pelela, reja de seguridad, baranda, calienta mamaderas, calienta biberon,
    sacaleche, discos de lactancia, protectores mamarios, biberon, panalera, bolso maternal,
    bolsos, mochilas, estuches, croqueras, block, carpetas, archivadores, lapiz grafito,
    destacador, destacadores, goma de borrar, regla, compas, stick fix, cola fria, acrilicos,
    acrilico, pinceles, papel lustre, cartulina, cartulinas, papel entretenido, goma eva glitter,
    resmas, papel fotocopia, hojas de oficio, sobres carta, post it, notas adhesivas, corchetera,
    corchetes, perforadora, clips, chinches, cinta de embalaje, planner, calendario, diccionario,
    sofas, seccional, bergere, pouf, banqueta, taburete, piso de bar, mesa lateral, buffet,
    aparador, biblioteca, librero, estanteria, repisas, zapatera, ropero, veladores, mueble,
    despensa, organizadores, caja organizadora, cajas organizadoras, cesto, papelero, gancho,
    ganchos, cuadro, marco de fotos, florero, macetero, maceteros, planta artificial, candelabro,
    portavelas, cojines, chal, cubrecama, quilt, cubrecolchon, cortinas, black out, blackout,
    visillo, velo, bajada de cama, felpudo, limpiapies, jabonera, portacepillos, escobilla wc,
    ollas, wok, fuentes, bowls, pelador, tabla de picar, cucharon, espumadera, batidor, especiero,
    condimentero, azucarero, alcuza, mantequillera, frutera, quesera, panera, servilletero,
    posavasos, tazon, tazones, mugs, decantador, termos, cantimplora, hermetico, hermeticos,
    contenedores, lunchera, hielera, nevera portatil, quincho, brochetas, inflador, gazebo,
    linternas, baston de trekking, bastones, anafre, mosqueton, navaja, cuchilla multiuso,
    binoculares, brujula, cana de pescar, carrete, anzuelos, bicicletas, bombin, sillin, pesa
    rusa, kettlebell, barra olimpica, banda elastica, bandas elasticas, mat de yoga, mat, bloque
    de yoga, pelota de pilates, rueda abdominal, cuerda para saltar, saco de boxeo, guantes de
    boxeo, canilleras, guantes de arquero, antiparras, aletas, snorkel, traje de neopreno, tabla
    de surf, skimboard, bodyboard, bicicleta estatica, multigimnasio, neumatico, neumaticos,
    refrigerante, anticongelante, limpiaparabrisas, plumillas, bujias, cubre volante, cubre
    asientos, cubreasientos, cubreauto, extintor, botiquin, triangulo, cables roba corriente,
    porta equipaje, parrilla portaequipaje, hexagonal, hexagonales, collares, transportadora,
    rascador, arenero, comedero, bebedero, sustrato, acuario, pecera, tapete sanitario, switch
    azul, switch blue, hot swap, reposa munecas, palo selfie, selfie stick, microfono de solapa,
    green screen, capturadora, cable lightning, regulador de voltaje, hidrogel, vidrio ceramico,
    sleeve,
    corte americano, todo
    """
)
"""Kinds of food, care, clothing and toys, and what describes them."""

SOFT_WORDS = (
    "gaming",
    "led",
    "color",
    "clasica",
    "clasico",
    "classic",
    "digital",
    "robot",
    "smart",
)
"""Words that also stand inside the names of lines ("TUF Gaming A15"): no part of a model
only where it begins or ends with them."""

SOFT_GOODS_WORDS = (
    "natural", "premium", "fresh", "clasico", "clasica", "classic", "control", "especial", "gran",
    "advanced", "extra", "tradicional", "active", "total", "doble", "triple", "super", "corte",
    "gourmet", "kids",
)  # fmt: skip
"""The same for goods ("Natural Care"): no part of a model where nothing follows them."""

WORDED_LINES = _listed(
    """
    Fire HD, Fire TV, Fire Max, Smart Tank, Smart Band, Echo Dot, Echo Show, Robot Vacuum,
    Steam Deck OLED, Color Pro, The Frame, Mi TV, TV Stick, TV Box, Mi Box, Dual Cool, Yoga
    Slim, Yoga Pro, Yoga Book, Surface Laptop, Surface Pro, Laptop Go, Laptop Studio, Mac mini,
    Mac Studio, Magic Mouse, Magic Keyboard, Smart Keyboard, Home Mini, Nest Mini, Power Grip,
    Cloud Alpha, Cloud Stinger, Cloud Core, Mini Split, Big Red, Twin Turbo, Power Max, Power
    Mix, Power Clean, Power Pro, Perfect Care, Perfect Clean, Easy Speed, Easy Steam, Smart
    Line, Smart Express, Airfryer XXL, Silver Line, Steam Force, Casa y Jardin, Poder Activo,
    Fina Seleccion, Cereal Mix, Choco Krispis, Super 8, Big Time, Omega UP, Marques de Casa
    Concha, Casillero del Diablo, Castillo de Molina, Etiqueta Negra, Etiqueta Roja, Gran
    Reserva, Reserva Especial, Reserva Privada, Doble Crema, Gato Negro, Medalla Real, Antiguas
    Reservas, Don Melchor, Corona Extra, Cristal Light, Royal Guard, Red Label, Black Label,
    Double Black, Gold Label, Blue Label, Green Label, Apple Crown, Doble Click, Mini Oreo,
    Oreo Golden, Choco Chips, Mini Chips, Milk Chocolate, Golden Nuss, Corn Flakes, Fruit
    Loops, Froot Loops, Honey Bunches, Fibra Plus, All Bran, Classic Pate, Hydra Bebe, Six
    Fish, Prescription Diet, Science Diet, Pro Plan, Dog Chow, Cat Chow, Gran Plus, Natural
    Balance, Fit Formula, Triple Accion, Total 12, Luminous White, Max Fresh, Max White,
    Sensitive Pro-Alivio, Rizos Definidos, Suave y Manejable, Limpieza Renovadora, Control
    Caspa, Liso Extremo, Brillo Extremo, Liso y Sedoso, Oleo Extraordinario, Reparacion Total
    5, Color Vive, Dream Long, Hydra Hyaluronic, Nutricion Completa, Milk Nutritiva, Soft Milk,
    Men Expert, Skin Active, Black and White, Pearl and Beauty, Dry Comfort, Extra Fresh, Pure
    Sport, Original Spice, Cool Kick, Cool Wave, Power Rush, Sun Protect, Kids Protect, Oil
    Control, Sun Oil Control, Toque Seco, Ultra Sensitive, Sun Fresh, Beach Defense, Age
    Perfect, Fit Me Matte + Poreless, Fit Me, Super Stay, Sky High, Liquid Camouflage, Infinite
    Shine, Classic Leather, Club C, Air Force 1, Air Max, Lifa Active, Guides Down, Body
    Make-Up, Signature Khaki, Stan Smith, Old Skool, Track Builder, Color Reveal, Color Change,
    Baby Alive, Super Wings, Super Mario, Play-Doh Kitchen, Elegance Digital,
    Antibacterial + Invisible, Aclarado Natural, Rosas de Argentina, Rose Care, Go Fresh, Tono
    Uniforme, Baby Hidratacion Enriquecida, Baby Cuidado Sensible, Satin Floss, Bambu Nutre Crece,
    Colageno Hidrata Revitaliza, Biotina Fuerza, Cuidado Clasico, Hialuronico Pure, Bomba Coco,
    Carga Natural, Alivio Instantaneo, Recarga Nutritiva, Epic Fresh, Mar Profundo, Fusion 5,
    Prestobarba 2, Prestobarba 3, Prestobarba UltraGrip, Prestobarba Excel, Gotas de Brillo,
    Fuerza y Vitamina, Argan Oil of Morocco, Baby Lips, Green Edition, Dream Matte
    Mousse, Revitalift Laser X3, Hidra Total 5, Hyaluron Aloe, Colorstay Satin Ink, Soft Matte Lip
    Cream, Retinol Boost, UVMune 400, Mineral 89, Foto Ultra 100, Juegos y Suenos, Premium Care
    Pants, Natural Care Pants, Supreme Care Pants, Puro y Natural, Limpieza Efectiva, Cuidado
    Total, Cuidado Completo, Matic Lavado Perfecto, Fuerza Activa, Power Liquid Doble Poder,
    Pureza Natural, Libre Enjuague, Perfume Collection, Aroma de Hogar, Ultra Rapido, Active Gel,
    Aceites Naturales, Clip Auto, Click Spray, Doble Accion, Proteccion Total, Max in 1, Max
    Blancos, Naranja Power, Weight Control, EN Gastroenteric, Edad Madura, Nutricion Esencial,
    Party Mix, Mar y Tierra, Adult Active, Eco Smart, Color Care, Turbo Agitacion, Eco Turbo,
    Smart Care, Family Hub, One Touch, Smart Pro, Lattissima Touch, Infinissima Touch, Genio S
    Touch, Prima Latte Touch, Airfryer Essential, All-in-One Trimmer, Foodi Dual Zone, Foodi MAX
    Dual Zone, Digital Slim, Roomba Combo, Combo Essential, Smart Air Fryer, Smart Air Purifier,
    Smart Blender, Smart Kettle, Smart Tower Heater, Smart Standing Fan, Smart Dehumidifier,
    Electric Scooter, Semi Professional, Turbo Silence Extreme, Jamie Oliver, Dual Force,
    All-in-One Style Kit, Nano Titanium, Super X Metal, IQ Robot, Little Green, Smart Oven, Oracle
    Touch, Barista Touch, Smart Grinder, Dual Boiler, La Specialista, Icona Vintage, Dual Blaze,
    Turbo Tower, Retro 50, Magic Bullet, Blender Combo, Smart Touch, Ginger Ale, Mango Loco, Ultra
    Fiesta, Tropical Fruit, Pale Lager, Session IPA, Yagan Dark Ale, Golden Lager, Tennessee
    Apple, Anejo Especial, Anejo Reserva, Ice Green Apple, Green Apple, Barrica Tostada, Ice
    Blend, Ice Tropical, Doble Destilado, Casa Real, Tres Medallas, Reserva de Familia, Tres
    Estrellas, Cabo de Hornos, Bicicleta Reserva, Classic Series, Sierra Nevada, English
    Breakfast, Earl Grey, Mas Woman, Mega Queso, Cool Ranch, Queso Atrevido, Gold Flakes, Media
    Hora, Sopa para Uno, Sopas para Uno, Jugoso al Horno, Special K, Pura Fruta, La Cremeria, Sin
    Parar, Receta del Sur, Nido Buen Dia, Buen Dia, Power Control, Full Control, Smart Control,
    Copa Pure 2 League, Top Ten, Suede Classic, Court Classic, Mayze Classic, Relaxed Fit, Trail
    Glove, Echo Clog, Bayaband Clog, Classic Clog, Euro Jogger, Racer Carbon, Florida Fresh, Small
    Logo, Silver Ridge, Tech Trail, Trail Summit, Sherpa Trucker, Mom Jean, Loose Fit, Creator 3
    en 1, Creator 3en1, Animal Crossing, Color Shifters, Silver Series, Smart Stages, Gator Golf,
    Super Color Pack, Pizza Party, Animal Crew, Dragon Ball Super, Oleo Brillante, Kem Aqua,
    Cyber-shot, Signature Slim, Pop Mouse, Combo Touch, MX Vertical, Color LaserJet, Laser MFP,
    Kasa Smart, Smart Scale, Mi Router, Smart Camera, Smart Door Lock, Outdoor Camera, Sound
    Outdoor, Smart Pet Food Feeder, Portable Photo Printer, Mesh System, Smart Projector, Smart
    Speaker, Dual Sport, Top Fuel, Green Valley, Smart Folio, Pencil USB-C, Studio Display, Energy
    XL, Carbon Force, Cloud III Wireless, Cloud Alpha Wireless, Cloud Earbuds, Cloud Jet, Hesh
    ANC, Crusher ANC, Sesh ANC, Indy ANC, Rail ANC, Icon ANC, Riff Wireless, Jib Wireless, Push
    Active, Sport Earbuds, QuietComfort Earbuds, Ultra Earbuds, Ultra Open Earbuds, Noise
    Cancelling 700, Smart Monitor, TV A Pro, TV S Mini, TV A Mini, TV P1E, Chromebook CX1,
    Elements Portable, Extreme Portable SSD, Ultra Dual Drive, Premium Care, Dual Drive Go, Deco
    X50, Deco X20, Deco X60, Deco X55, Elite Series 2, Pro Controller, Wireless Controller, Pulse
    Explore, Pulse Elite, Pulse 3D
    """
)
"""Names of lines with a word in them that describes other products ("Casa y Jardín")."""

LINE_OPENERS = frozenset(
    _listed(
        """
        active, advanced, classic, crunchy, dual cool, duo, infusion, kids, natural, powder,
        premium, pure, simple, slim, solar, super, total, triple, fresh, men, women, soft, basic,
        essential, invisible, herbal, pants, slip, easy, perfect, power, magic, lady, junior,
        comfort, silk, body, cowboy, flor, floral, ceramidas, keratina, liso, rizos, rapido, poder,
        tiro, individual, sensitive, deep, dry, expert, clinical, gentle, intense, repair, therapy,
        recien nacido
        """
    )
)
"""Words that describe other products and open a line where they stand directly behind the
brand: "Colgate Herbal", "Havaianas Slim"."""

SHADE_WORDS = _listed(
    """
    slate, ponder, eclipse, moonlight, starlight, lunar, glacier, sky, titan, abyss, aurora, polar,
    sunset, sunrise, coastal, graphite, matte, metallic, moon, dusk, dawn, lava, sage, blush,
    midnight, cosmic, phantom, mystic, awesome, space, deep, forest, pacific, sierra, alpine,
    piano, stealth, carbon, galactic, nova, volcanic, arctic, ocean, quiet, cool, luna, storm,
    cloud, pearl, frost, onyx, shadow, very, all, jet, tnf, magma, stellar, mineral, ceramic,
    burgundy, espacial, estelar, medianoche, meteorito, galaxia, mate, brillante, oscuro, claro,
    pastel, neon, bebe, electrico, petroleo
    """
)
"""Words before or behind a colour that makers and shops give it ("Phantom Black")."""

CARE_VARIANTS = _listed(
    """
    limpieza, renovadora, restauracion, reparacion, reconstruccion, hidratacion, nutricion,
    proteccion, profunda, completa, total, extrema, rizos, definidos, definicion, fuerza, brillo,
    control, caspa, control caspa, anticaida, caida, suavidad, volumen, color, alisado, crecimiento,
    frescura, intensa, intenso, accion, poder, doble, triple, water, gel, invisible, active, dry,
    sensitive, matte, mate, waterproof, oil, original
    """
)
"""What names variants of a line of care ("Limpieza Renovadora") and describes other goods."""

CARE_TAILS = _listed(
    """
    hialuronico, instantanea, sensible, fortificado, diaria, nutritiva, reparadora, enriquecida,
    gloss, argan, clasico, uniforme, blanqueador, stick, retinol, keratina, antifrizz, profundo,
    activa, rapida, delicada, bambu, refrescante, antiquiebre, floss, formula, profunda,
    humectante, nutritivo, reparador, revitalizante, protector, caspa, hidratante, anticaspa
    """
)
"""What may close the name of a line of care ("Hidra Hialurónico") and opens none."""

LIFE_STAGES = _listed(
    """
    adulto, adultos, cachorro, cachorros, senior, gatito, gatitos, castrado, castrados,
    esterilizado, esterilizados, razas pequenas, razas medianas, raza pequena, razas grandes, raza
    mediana, raza grande, todas las razas, mayores, grandes, medianas, pequenas, medianos,
    mediana, pequena, grande, minis, medium, small, large
    """
)
"""What tells lines of pet food apart, and is no model of anything else."""

PERFUME_WORDS = _listed(
    """
    perfume, perfumes, perfume de, colonia, agua de colonia, agua de perfume, fragancia, eau de
    parfum, leau de parfum, eau de toilette, leau de toilette, eau de cologne, edp, edt, edc,
    e.d.p, e.d.t, e.d.c, parfum, extrait, extrait de parfum, spray, vapo, vaporizador, tester,
    estuche, set, set de regalo, cofre, regalo, body mist, body splash, body lotion, splash, mist,
    hombre, hombres, mujer, mujeres, dama, damas, varon, varones, unisex, nino, nina, ninos, ninas,
    masculino, femenino, masculina, femenina, para el, para ella, original, originales, sellado,
    sin caja, caja, con caja, recargable, recarga, refill, travel size, miniatura, importado,
    inspirado, inspirada, aroma, frutal, amaderado, arabe, arabes, nuevo, formato, vaporizador
    natural, natural spray, concentracion, fine fragrance, fragrance mist, fine fragrance mist,
    mini, perfume arabe
    """
)
"""What a perfume's name says beside its line; flavours and English genders belong to lines
("Bare Vanilla", "Club de Nuit Intense Man")."""

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
    "miel": "miel",
    "sandía": "sandia",
    "melón": "melon",
    "dulce de leche": "dulce_de_leche",
    "camarón": "camaron",
    "costilla": "sabor_costilla",
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

PET_FLAVOURS: dict[str, str] = {
    "pollo": "pollo",
    "carne": "carne",
    "pescado": "pescado",
    "atún": "atun",
    "salmón": "salmon",
    "pavo": "pavo",
    "cordero": "cordero",
    "vacuno": "vacuno",
    "hígado": "higado",
    "pato": "pato",
    "sardina": "sardina sardinas",
    "carne y pollo": "carne_y_pollo",
    "pollo y arroz": "pollo_y_arroz",
    "carne y arroz": "carne_y_arroz",
    "carne y leche": "carne_y_leche",
    "cordero y arroz": "cordero_y_arroz",
    "pollo y vegetales": "pollo_y_vegetales",
    "carne y vegetales": "carne_y_vegetales",
}
"""What is a flavour in the food of animals only."""

GENDERS: dict[str, str] = {
    "niña": "nina ninas girl girls",
    "niño": "nino ninos boy boys infantil",
    "unisex": "unisex",
    "mujer": "mujer mujeres dama damas femenino femenina fem woman women wmns ws her femme",
    "hombre": "hombre hombres varon masculino masculina man men ms him homme",
}
"""Gender -> folded spellings."""

CONCENTRATIONS: dict[str, str] = {
    "EDP": "edp eau_de_parfum leau_de_parfum",
    "EDT": "edt eau_de_toilette leau_de_toilette",
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
