package page

var german = Words{
	Lang: "de", Dir: "ltr",

	Title:     "Einen Moment bitte",
	Detail:    "Diese Website stellt sicher, dass kein Bot am Werk ist. Ihr Browser erledigt das von selbst.",
	DetailAsk: "Diese Website stellt sicher, dass kein Bot am Werk ist.",
	Busy:      "Ihr Browser wird geprüft …",
	Ask:       "Bitte schließen Sie die Prüfung ab.",
	Human:     "Ich bin kein Roboter",
	Done:      "Prüfung bestanden. Die Seite wird geladen …",
	Lost:      "Prüfung bestanden. Gehen Sie zurück und senden Sie Ihr Formular noch einmal.",
	Failed:    "Die Prüfung ist fehlgeschlagen.",
	Blocked:   "Die Prüfung konnte nicht geladen werden. Vielleicht wird sie blockiert.",
	Cookies:   "Ihr Browser behält keine Cookies. Bitte erlauben Sie sie für diese Website.",
	NoScript:  "Bitte schalten Sie JavaScript für diese Website ein und laden Sie die Seite neu.",
	Wait:      "Oder drücken Sie nach %s auf die Schaltfläche.",
	Early:     "Das war zu früh. Drücken Sie in %s auf die Schaltfläche.",
	Again:     "Noch einmal versuchen",
	Continue:  "Weiter",
	Help:      "Wenn Sie nicht weiterkommen, nennen Sie dem Betreiber dieser Website bitte das Kennzeichen unten.",

	Denied:        "Zugriff verweigert",
	DeniedText:    "Diese Website nimmt zurzeit keine Anfragen von Ihrer Netzwerkadresse an.",
	RefusedText:   "Diese Website nimmt diese Anfrage nicht an, wegen ihres Inhalts oder der Art, wie sie gesendet wurde.",
	Unavailable:   "Nicht verfügbar",
	UncheckedText: "Diese Website kann Ihre Anfrage zurzeit nicht prüfen. Bitte versuchen Sie es später noch einmal.",
	GuardedText:   "Auf dieser Seite gehen zurzeit zu viele verdächtige Anfragen ein. Sie können es in %s noch einmal versuchen.",
	UnmetText:     "Diese Website kann Anfragen von Ihrer Netzwerkadresse hier nicht prüfen. Öffnen Sie zuerst die Startseite, oder versuchen Sie es in %s noch einmal.",
	TooMany:       "Zu viele Anfragen",
	TooManyText:   "Von Ihrer Netzwerkadresse kamen zu viele Anfragen. Sie können es in %s noch einmal versuchen.",
	Mistake:       "Wenn Sie das für einen Irrtum halten, nennen Sie dem Betreiber dieser Website bitte das Kennzeichen unten.",

	Reference:   "Kennzeichen",
	Contact:     "Kontakt",
	Explanation: "Erklärung",
	Time:        "Zeit",

	second: []string{"einer Sekunde", "%d Sekunden"},
	minute: []string{"einer Minute", "%d Minuten"},
	hour:   []string{"einer Stunde", "%d Stunden"},
	plural: oneOther,
}
