package page

var italian = Words{
	Lang: "it", Dir: "ltr",

	Title:     "Un momento, per favore",
	Detail:    "Questo sito si assicura che non sia all’opera un bot. Il suo browser lo fa da solo.",
	DetailAsk: "Questo sito si assicura che non sia all’opera un bot.",
	Busy:      "Verifica del browser in corso…",
	Ask:       "Completi la verifica, per favore.",
	Human:     "Non sono un robot",
	Done:      "Verifica superata. La pagina si sta caricando…",
	Lost:      "Verifica superata. Torni indietro e invii di nuovo il modulo.",
	Failed:    "La verifica non è riuscita.",
	Blocked:   "Non è stato possibile caricare la verifica. Forse qualcosa la blocca.",
	Cookies:   "Il suo browser non conserva i cookie. Li consenta per questo sito, per favore.",
	NoScript:  "Attivi JavaScript per questo sito e ricarichi la pagina, per favore.",
	Wait:      "Oppure prema il pulsante dopo %s.",
	Early:     "È ancora presto. Prema il pulsante tra %s.",
	Again:     "Riprova",
	Continue:  "Continua",
	Help:      "Se non riesce a proseguire, comunichi al gestore di questo sito il riferimento qui sotto.",

	Denied:        "Accesso negato",
	DeniedText:    "Al momento questo sito non accetta richieste dal suo indirizzo di rete.",
	RefusedText:   "Questo sito non accetta questa richiesta per il suo contenuto o per il modo in cui è stata inviata.",
	Unavailable:   "Non disponibile",
	UncheckedText: "Al momento questo sito non può verificare la sua richiesta. Riprovi più tardi, per favore.",
	GuardedText:   "Al momento questa pagina riceve troppe richieste sospette. Può riprovare tra %s.",
	UnmetText:     "Questo sito non può verificare qui le richieste dal suo indirizzo di rete. Apra prima la pagina principale, oppure riprovi tra %s.",
	TooMany:       "Troppe richieste",
	TooManyText:   "Dal suo indirizzo di rete sono arrivate troppe richieste. Può riprovare tra %s.",
	Mistake:       "Se ritiene che si tratti di un errore, comunichi al gestore di questo sito il riferimento qui sotto.",

	Reference:   "Riferimento",
	Contact:     "Contatto",
	Explanation: "Spiegazione",
	Time:        "Ora",

	second: []string{"un secondo", "%d secondi"},
	minute: []string{"un minuto", "%d minuti"},
	hour:   []string{"un’ora", "%d ore"},
	plural: oneOther,
}
