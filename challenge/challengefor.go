package challenge

import "time"

// challengeFor is what a page is made from: one challenge for one visitor.
//
// The page answers to the address that it was loaded from, with a POST that has
// the token in the header X-Tocsin-Answer and the proof as its body, in plain
// text of at most 32 KiB:
//
//   - Puzzle: the base64 form of ALTCHA's payload, that is of {"solution":
//     {"counter": …, "derivedKey": …}}. The "challenge" that may stand beside the
//     solution is not read; the puzzle is known from the token.
//   - Widget: what the provider's widget gave, as it is.
//   - WaitToken: nothing. Not before Wait is over.
//
// The reply is 204 if the visitor may go on, with or without a cookie: the page
// then loads itself anew, or sends the form that it kept. It is 403 if not; then
// only a page loaded anew has a challenge that can still be solved.
//
// Without a script a header cannot be sent. There a form of the method POST,
// without an action attribute, posts the one field tocsin-answer with the
// WaitToken in it; the reply is a redirection to the same address, or the page
// again.
type challengeFor struct {
	Visitor

	Token  string  // of the challenge
	Puzzle []byte  // in ALTCHA's JSON; nil if a provider judges
	Widget *Widget // of the provider; nil for the embedded challenge. With a Puzzle, it solves that, which is in its Data too

	Wait      time.Duration // after which WaitToken counts; 0 for never
	WaitToken string        // empty if Wait is 0
	Early     bool          // the visitor has pressed the button before

	Form []field // a same-origin POST to send again; nil if there is none
	Lost bool    // the request was a POST that could not be kept
}

// A field is one of a form. They stay in their order: there are applications that
// read lists of records out of it.
type field struct{ Name, Value string }
