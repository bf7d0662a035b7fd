package page

var polish = Words{
	Lang: "pl", Dir: "ltr",

	Title:     "Proszę chwilę poczekać",
	Detail:    "Ta witryna upewnia się, że nie odwiedza jej bot. Przeglądarka zrobi to sama.",
	DetailAsk: "Ta witryna upewnia się, że nie odwiedza jej bot.",
	Busy:      "Sprawdzanie przeglądarki…",
	Ask:       "Proszę ukończyć weryfikację.",
	Human:     "Nie jestem robotem",
	Done:      "Weryfikacja zakończona. Strona się wczytuje…",
	Lost:      "Weryfikacja zakończona. Proszę wrócić i wysłać formularz ponownie.",
	Failed:    "Weryfikacja się nie powiodła.",
	Blocked:   "Nie udało się wczytać weryfikacji. Być może coś ją blokuje.",
	Cookies:   "Przeglądarka nie zapisuje plików cookie. Proszę zezwolić na nie w tej witrynie.",
	NoScript:  "Proszę włączyć JavaScript w tej witrynie i odświeżyć stronę.",
	Wait:      "Można też nacisnąć przycisk za %s.",
	Early:     "To było za wcześnie. Proszę nacisnąć przycisk za %s.",
	Again:     "Spróbuj ponownie",
	Continue:  "Kontynuuj",
	Help:      "Jeśli nie można przejść dalej, proszę podać administratorowi tej witryny poniższy identyfikator.",

	Denied:        "Odmowa dostępu",
	DeniedText:    "Ta witryna nie przyjmuje obecnie żądań z Twojego adresu sieciowego.",
	RefusedText:   "Ta witryna nie przyjmuje tego żądania ze względu na jego treść lub sposób wysłania.",
	Unavailable:   "Strona niedostępna",
	UncheckedText: "Ta witryna nie może teraz sprawdzić Twojego żądania. Proszę spróbować później.",
	GuardedText:   "Do tej strony trafia obecnie zbyt wiele podejrzanych żądań. Można spróbować ponownie za %s.",
	UnmetText:     "Ta witryna nie może tutaj sprawdzać żądań z Twojego adresu sieciowego. Proszę najpierw otworzyć stronę główną lub spróbować ponownie za %s.",
	TooMany:       "Zbyt wiele żądań",
	TooManyText:   "Z Twojego adresu sieciowego przyszło zbyt wiele żądań. Można spróbować ponownie za %s.",
	Mistake:       "Jeśli to pomyłka, proszę podać administratorowi tej witryny poniższy identyfikator.",

	Reference:   "Identyfikator",
	Contact:     "Kontakt",
	Explanation: "Wyjaśnienie",
	Time:        "Czas",

	second: []string{"sekundę", "%d sekundy", "%d sekund"},
	minute: []string{"minutę", "%d minuty", "%d minut"},
	hour:   []string{"godzinę", "%d godziny", "%d godzin"},
	plural: polishPlural,
}

// polishPlural has the forms of 1, of 2 to 4 and all that end like these but for
// 12 to 14, and of the rest.
func polishPlural(n int) int {
	switch {
	case n == 1:
		return 0
	case n%10 >= 2 && n%10 <= 4 && n/10%10 != 1:
		return 1
	}
	return 2
}
