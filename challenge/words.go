package challenge

import pages "github.com/tocsin-project/tocsin/internal/page"

// words are what the page says in one language.
type words struct {
	Title string // of the page

	Detail, DetailAsk string // what happens, without the visitor and with a widget
	Busy, Ask         string // what is going on, likewise

	Done     string // the proof was taken, the page follows
	Lost     string // likewise, but a form has to be sent again
	Failed   string // the proof was not taken, or could not be sent
	Blocked  string // the provider's script did not come
	Cookies  string // the pass does not come back
	NoScript string // JavaScript is off
	Wait     string // one may wait instead, for %d seconds

	Again, Continue string // on buttons

	Help                     string // what the reference is for
	Reference, Contact, Time string
}

// english is what who wants none of the other languages gets.
const english = "en"

var languages = map[string]*words{
	english: {
		Title:     "One moment, please",
		Detail:    "This site makes sure that no bot is at work. Your browser does that by itself.",
		DetailAsk: "This site makes sure that no bot is at work.",
		Busy:      "Checking your browser …",
		Ask:       "Please complete the check.",
		Done:      "Check done. The page is loading …",
		Lost:      "Check done. Go back and send your form again.",
		Failed:    "The check did not work.",
		Blocked:   "The check could not be loaded. Perhaps something blocks it.",
		Cookies:   "Your browser keeps no cookies. Please allow them for this site.",
		NoScript:  "Please switch on JavaScript for this site and load the page again.",
		Wait:      "Or press the button after %d seconds.",
		Again:     "Try again",
		Continue:  "Continue",
		Help:      "If you get no further, please give the operator of this site the reference below.",
		Reference: "Reference",
		Contact:   "Contact",
		Time:      "Time",
	},
	"de": {
		Title:     "Einen Moment bitte",
		Detail:    "Diese Website stellt sicher, dass kein Bot am Werk ist. Ihr Browser erledigt das von selbst.",
		DetailAsk: "Diese Website stellt sicher, dass kein Bot am Werk ist.",
		Busy:      "Ihr Browser wird geprüft …",
		Ask:       "Bitte schließen Sie die Prüfung ab.",
		Done:      "Prüfung bestanden. Die Seite wird geladen …",
		Lost:      "Prüfung bestanden. Gehen Sie zurück und senden Sie Ihr Formular noch einmal.",
		Failed:    "Die Prüfung ist fehlgeschlagen.",
		Blocked:   "Die Prüfung konnte nicht geladen werden. Vielleicht wird sie blockiert.",
		Cookies:   "Ihr Browser behält keine Cookies. Bitte erlauben Sie sie für diese Website.",
		NoScript:  "Bitte schalten Sie JavaScript für diese Website ein und laden Sie die Seite neu.",
		Wait:      "Oder drücken Sie nach %d Sekunden auf die Schaltfläche.",
		Again:     "Noch einmal versuchen",
		Continue:  "Weiter",
		Help:      "Wenn Sie nicht weiterkommen, nennen Sie dem Betreiber dieser Website bitte das Kennzeichen unten.",
		Reference: "Kennzeichen",
		Contact:   "Kontakt",
		Time:      "Zeit",
	},
	"es": {
		Title:     "Un momento, por favor",
		Detail:    "Este sitio comprueba que no se trata de un bot. Su navegador lo hace por sí solo.",
		DetailAsk: "Este sitio comprueba que no se trata de un bot.",
		Busy:      "Comprobando su navegador…",
		Ask:       "Complete la comprobación, por favor.",
		Done:      "Comprobación superada. La página se está cargando…",
		Lost:      "Comprobación superada. Vuelva atrás y envíe de nuevo el formulario.",
		Failed:    "La comprobación no ha funcionado.",
		Blocked:   "No se ha podido cargar la comprobación. Quizá algo la bloquee.",
		Cookies:   "Su navegador no guarda cookies. Permítalas para este sitio, por favor.",
		NoScript:  "Active JavaScript para este sitio y vuelva a cargar la página, por favor.",
		Wait:      "O pulse el botón después de %d segundos.",
		Again:     "Intentar de nuevo",
		Continue:  "Continuar",
		Help:      "Si no logra continuar, comunique al responsable de este sitio la referencia que figura abajo.",
		Reference: "Referencia",
		Contact:   "Contacto",
		Time:      "Hora",
	},
	"fr": {
		Title:     "Un instant, s’il vous plaît",
		Detail:    "Ce site s’assure qu’aucun robot n’est à l’œuvre. Votre navigateur s’en charge tout seul.",
		DetailAsk: "Ce site s’assure qu’aucun robot n’est à l’œuvre.",
		Busy:      "Vérification de votre navigateur…",
		Ask:       "Veuillez effectuer la vérification.",
		Done:      "Vérification réussie. La page se charge…",
		Lost:      "Vérification réussie. Revenez en arrière et renvoyez votre formulaire.",
		Failed:    "La vérification n’a pas abouti.",
		Blocked:   "La vérification n’a pas pu être chargée. Quelque chose la bloque peut-être.",
		Cookies:   "Votre navigateur ne conserve pas les cookies. Autorisez-les pour ce site.",
		NoScript:  "Activez JavaScript pour ce site, puis rechargez la page.",
		Wait:      "Ou appuyez sur le bouton après %d secondes.",
		Again:     "Réessayer",
		Continue:  "Continuer",
		Help:      "Si vous restez bloqué, communiquez au responsable de ce site la référence ci-dessous.",
		Reference: "Référence",
		Contact:   "Contact",
		Time:      "Heure",
	},
	"it": {
		Title:     "Un momento, per favore",
		Detail:    "Questo sito si assicura che non sia all’opera un bot. Il suo browser lo fa da solo.",
		DetailAsk: "Questo sito si assicura che non sia all’opera un bot.",
		Busy:      "Verifica del browser in corso…",
		Ask:       "Completi la verifica, per favore.",
		Done:      "Verifica superata. La pagina si sta caricando…",
		Lost:      "Verifica superata. Torni indietro e invii di nuovo il modulo.",
		Failed:    "La verifica non è riuscita.",
		Blocked:   "Non è stato possibile caricare la verifica. Forse qualcosa la blocca.",
		Cookies:   "Il suo browser non conserva i cookie. Li consenta per questo sito, per favore.",
		NoScript:  "Attivi JavaScript per questo sito e ricarichi la pagina, per favore.",
		Wait:      "Oppure prema il pulsante dopo %d secondi.",
		Again:     "Riprova",
		Continue:  "Continua",
		Help:      "Se non riesce a proseguire, comunichi al gestore di questo sito il riferimento qui sotto.",
		Reference: "Riferimento",
		Contact:   "Contatto",
		Time:      "Ora",
	},
	"nl": {
		Title:     "Een ogenblik geduld",
		Detail:    "Deze site gaat na of er geen bot aan het werk is. Uw browser doet dat vanzelf.",
		DetailAsk: "Deze site gaat na of er geen bot aan het werk is.",
		Busy:      "Uw browser wordt gecontroleerd …",
		Ask:       "Rond de controle af, alstublieft.",
		Done:      "Controle geslaagd. De pagina wordt geladen …",
		Lost:      "Controle geslaagd. Ga terug en verstuur uw formulier opnieuw.",
		Failed:    "De controle is niet gelukt.",
		Blocked:   "De controle kon niet worden geladen. Misschien wordt ze geblokkeerd.",
		Cookies:   "Uw browser bewaart geen cookies. Sta ze voor deze site toe, alstublieft.",
		NoScript:  "Zet JavaScript voor deze site aan en laad de pagina opnieuw.",
		Wait:      "Of druk na %d seconden op de knop.",
		Again:     "Opnieuw proberen",
		Continue:  "Doorgaan",
		Help:      "Komt u niet verder, geef de beheerder van deze site dan het kenmerk hieronder.",
		Reference: "Kenmerk",
		Contact:   "Contact",
		Time:      "Tijd",
	},
	"pt": {
		Title:     "Um momento, por favor",
		Detail:    "Este site verifica que não se trata de um bot. O seu navegador faz isso sozinho.",
		DetailAsk: "Este site verifica que não se trata de um bot.",
		Busy:      "A verificar o seu navegador…",
		Ask:       "Conclua a verificação, por favor.",
		Done:      "Verificação concluída. A página está a carregar…",
		Lost:      "Verificação concluída. Volte atrás e envie o formulário de novo.",
		Failed:    "A verificação não funcionou.",
		Blocked:   "Não foi possível carregar a verificação. Talvez algo a bloqueie.",
		Cookies:   "O seu navegador não guarda cookies. Permita-os para este site, por favor.",
		NoScript:  "Ative o JavaScript para este site e recarregue a página, por favor.",
		Wait:      "Ou prima o botão após %d segundos.",
		Again:     "Tentar de novo",
		Continue:  "Continuar",
		Help:      "Se não conseguir avançar, indique ao responsável por este site a referência abaixo.",
		Reference: "Referência",
		Contact:   "Contacto",
		Time:      "Hora",
	},
}

// wordsFor returns the language that an Accept-Language header wants, and what
// the page says in it.
func wordsFor(header string) (lang string, w *words) {
	lang = pages.Language(header, func(tag string) bool { return languages[tag] != nil }, english)
	return lang, languages[lang]
}
