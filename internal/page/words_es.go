package page

var spanish = Words{
	Lang: "es", Dir: "ltr",

	Title:     "Un momento, por favor",
	Detail:    "Este sitio comprueba que no se trata de un bot. Su navegador lo hace por sí solo.",
	DetailAsk: "Este sitio comprueba que no se trata de un bot.",
	Busy:      "Comprobando su navegador…",
	Ask:       "Complete la comprobación, por favor.",
	Human:     "No soy un robot",
	Done:      "Comprobación superada. La página se está cargando…",
	Lost:      "Comprobación superada. Vuelva atrás y envíe de nuevo el formulario.",
	Failed:    "La comprobación no ha funcionado.",
	Blocked:   "No se ha podido cargar la comprobación. Quizá algo la bloquee.",
	Cookies:   "Su navegador no guarda cookies. Permítalas para este sitio, por favor.",
	NoScript:  "Active JavaScript para este sitio y vuelva a cargar la página, por favor.",
	Wait:      "O pulse el botón después de %s.",
	Early:     "Aún es pronto. Pulse el botón dentro de %s.",
	Again:     "Intentar de nuevo",
	Continue:  "Continuar",
	Help:      "Si no logra continuar, comunique al responsable de este sitio la referencia que figura abajo.",

	Denied:        "Acceso denegado",
	DeniedText:    "Por el momento, este sitio no acepta solicitudes desde su dirección de red.",
	RefusedText:   "Este sitio no acepta esta solicitud por su contenido o por la forma en que se envió.",
	Unavailable:   "No disponible",
	UncheckedText: "Este sitio no puede comprobar su solicitud en este momento. Inténtelo de nuevo más tarde, por favor.",
	GuardedText:   "Esta página recibe en este momento demasiadas solicitudes sospechosas. Puede intentarlo de nuevo dentro de %s.",
	UnmetText:     "Este sitio no puede comprobar aquí las solicitudes desde su dirección de red. Abra primero la página principal o inténtelo de nuevo dentro de %s.",
	TooMany:       "Demasiadas solicitudes",
	TooManyText:   "Han llegado demasiadas solicitudes desde su dirección de red. Puede intentarlo de nuevo dentro de %s.",
	Mistake:       "Si cree que se trata de un error, comunique al responsable de este sitio la referencia que figura abajo.",

	Reference:   "Referencia",
	Contact:     "Contacto",
	Explanation: "Explicación",
	Time:        "Hora",

	second: []string{"un segundo", "%d segundos"},
	minute: []string{"un minuto", "%d minutos"},
	hour:   []string{"una hora", "%d horas"},
	plural: oneOther,
}
