package page

var english = Words{
	Lang: "en", Dir: "ltr",

	Title:     "One moment, please",
	Detail:    "This site checks that you are not a bot. Your browser does that by itself.",
	DetailAsk: "This site checks that you are not a bot.",
	Busy:      "Checking your browser …",
	Ask:       "Please complete the check.",
	Human:     "I am not a robot",
	Done:      "Check done. The page is loading …",
	Lost:      "Check done. Go back and send your form again.",
	Failed:    "The check did not work.",
	Blocked:   "The check could not be loaded. Perhaps something blocks it.",
	Cookies:   "Your browser does not keep cookies. Please allow them for this site.",
	NoScript:  "Please switch on JavaScript for this site and load the page again.",
	Wait:      "Or press the button after %s.",
	Early:     "That was too early. Press the button in %s.",
	Again:     "Try again",
	Continue:  "Continue",
	Help:      "If you cannot continue, please give the operator of this site the reference below.",

	Denied:        "Access denied",
	DeniedText:    "This site does not accept requests from your network address at the moment.",
	RefusedText:   "This site does not accept this request, because of what it contains or how it was sent.",
	Unavailable:   "Not available",
	UncheckedText: "This site cannot check your request at the moment. Please try again later.",
	GuardedText:   "This page gets too many suspicious requests at the moment. You can try again in %s.",
	UnmetText:     "This site cannot check requests from your network address here. Open its main page first, or try again in %s.",
	TooMany:       "Too many requests",
	TooManyText:   "Too many requests came from your network address. You can try again in %s.",
	Mistake:       "If you think this is a mistake, please give the operator of this site the reference below.",

	Reference:   "Reference",
	Contact:     "Contact",
	Explanation: "Explanation",
	Time:        "Time",

	second: []string{"a second", "%d seconds"},
	minute: []string{"a minute", "%d minutes"},
	hour:   []string{"an hour", "%d hours"},
	plural: oneOther,
}
