package page

var dutch = Words{
	Lang: "nl", Dir: "ltr",

	Title:     "Een ogenblik geduld",
	Detail:    "Deze site gaat na of er geen bot aan het werk is. Uw browser doet dat vanzelf.",
	DetailAsk: "Deze site gaat na of er geen bot aan het werk is.",
	Busy:      "Uw browser wordt gecontroleerd …",
	Ask:       "Rond de controle af, alstublieft.",
	Human:     "Ik ben geen robot",
	Done:      "Controle geslaagd. De pagina wordt geladen …",
	Lost:      "Controle geslaagd. Ga terug en verstuur uw formulier opnieuw.",
	Failed:    "De controle is niet gelukt.",
	Blocked:   "De controle kon niet worden geladen. Misschien wordt ze geblokkeerd.",
	Cookies:   "Uw browser bewaart geen cookies. Sta ze voor deze site toe, alstublieft.",
	NoScript:  "Zet JavaScript voor deze site aan en laad de pagina opnieuw.",
	Wait:      "Of druk na %s op de knop.",
	Early:     "Dat was te vroeg. Druk over %s op de knop.",
	Again:     "Opnieuw proberen",
	Continue:  "Doorgaan",
	Help:      "Komt u niet verder, geef de beheerder van deze site dan het kenmerk hieronder.",

	Denied:        "Toegang geweigerd",
	DeniedText:    "Deze site accepteert op dit moment geen verzoeken van uw netwerkadres.",
	RefusedText:   "Deze site accepteert dit verzoek niet, vanwege de inhoud of de manier waarop het is verstuurd.",
	Unavailable:   "Niet beschikbaar",
	UncheckedText: "Deze site kan uw verzoek op dit moment niet controleren. Probeer het later opnieuw, alstublieft.",
	GuardedText:   "Deze pagina krijgt op dit moment te veel verdachte verzoeken. U kunt het over %s opnieuw proberen.",
	UnmetText:     "Deze site kan verzoeken van uw netwerkadres hier niet controleren. Open eerst de startpagina, of probeer het over %s opnieuw.",
	TooMany:       "Te veel verzoeken",
	TooManyText:   "Er kwamen te veel verzoeken van uw netwerkadres. U kunt het over %s opnieuw proberen.",
	Mistake:       "Denkt u dat dit een vergissing is, geef de beheerder van deze site dan het kenmerk hieronder.",

	Reference:   "Kenmerk",
	Contact:     "Contact",
	Explanation: "Uitleg",
	Time:        "Tijd",

	second: []string{"een seconde", "%d seconden"},
	minute: []string{"een minuut", "%d minuten"},
	hour:   []string{"een uur", "%d uur"},
	plural: oneOther,
}
