package challenge

import "time"

// challengeFor is one challenge for one visitor, as the page needs it.
//
// The page sends the answer to its own address: a POST with the token in the header
// X-Tocsin-Answer and the proof as its body, at most 32 KiB of plain text:
//
//   - Puzzle: the base64 form of ALTCHA's payload, that is of {"solution": {"counter":
//     …, "derivedKey": …}}. A "challenge" beside the solution is ignored: the puzzle
//     follows from the token.
//   - Widget: the response of the provider's widget, unchanged.
//   - WaitToken: an empty body, after Wait is over.
//
// The reply is 204 if the visitor may continue, with or without a cookie: the page then
// reloads itself, or sends the form that it kept. Otherwise it is 403, and only a
// reloaded page has a challenge that can still be solved.
//
// Without a script the page cannot send the header. Then a form with method POST and
// without an action attribute sends the WaitToken in its only field, tocsin-answer. The
// reply is a redirect to the same address, or the page again.
type challengeFor struct {
	Visitor

	Token  string  // of the challenge
	Puzzle []byte  // as JSON in ALTCHA's format; nil if a provider decides
	Widget *Widget // of the provider; nil for the embedded challenge. With a Puzzle, the widget solves it, and has it in its Data

	Wait      time.Duration // after which WaitToken counts; 0: never
	WaitToken string        // empty if Wait is 0
	Early     bool          // the visitor pressed the button before Wait was over

	Form []field // of a same-origin POST, to send again; nil: none
	Lost bool    // the request was a POST that could not be kept
}

// A field is a field of a form. Fields keep their order, because some applications read
// lists of records from it.
type field struct{ Name, Value string }
