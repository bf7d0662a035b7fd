// Package detect answers one question: who misbehaves?
//
// It runs CrowdSec's own scenario files, unmodified, on the requests that a
// server handles and on its responses to them, without a log file. A scenario
// is a filter, an expression over the fields that CrowdSec's parsers would find
// in an access log, and a bucket for each client: a trigger overflows at the
// first event, a leaky bucket when more come than leak out of it. An overflow is
// an [event.Alert].
//
// # Whose act, and what merit
//
// What another page had a browser send ([Attribution]) is counted apart from what
// the client does itself, and an alert about it is [Alert.Reflected]: nobody is to
// be blamed for it. What a client does well counts for scenarios that say so by a
// label: pages that it finds, credentials that the site accepts, a login that
// succeeds after all. Where many have a part in something, a scenario asks for a
// [Guard] and not for a decision about one of them.
//
// # What came of a login
//
// It follows from the answer: an error, the form again and a redirect back to it are
// failures; a token, and a redirect elsewhere that begins a session, are successes. Where
// a form has never answered otherwise, a success by a redirect counts only once it is
// used: after two logins by different passwords, of which the client has used none, its
// next ones count as failures where many come in a short time, and likewise at a place
// after six of any clients. To ask for a page other than the form and the one that the
// answer leads to is to use a login. And a name has one password: several for one name
// that redirects let in are guesses.
//
// What is not seen: many names, each with a page loaded after it, where the application
// answers all alike; and what HTTP Digest and NTLM send is a hash with a number that is
// used once, so that one wrong password again cannot be told from the next.
//
// # Two phases
//
// What a scenario looks at decides when it is asked. [Detector.Request] comes
// before the handler and asks those that need the request alone, so that the
// first hit can be stopped. [Detector.Response] comes after it and asks those
// that need to know how it ended. Together they say what CrowdSec says.
//
// # Time
//
// There is no clock but [event.Event].Time and no goroutine: the same events give the
// same alerts. Events of one client are to come in order; one that is late
// counts as if no time had passed.
//
// # Expressions
//
// They are CrowdSec's, with the helpers of CrowdSec that give the same answer
// whenever and wherever they are asked, but for XMLGet…, ParseKV, UnmarshalJSON
// and FileMap. Each bounds its work: one that would make too much of its arguments
// fails. There is no log, so evt.Line.Raw is what nginx would have written of the
// event in the combined format, without user and size; evt.Line.Time is the
// event's; evt.Line.Src, Module and Labels are empty.
//
// # What it fails on
//
// What is broken is told apart from what is newer than this version. A document
// that cannot run here, for it is about another log, asks for a list that is
// missing, or has a key, a type, a function, an operator, a kind of list or a
// format that is not known, is skipped and named with the reason: see
// [Rules.Skipped]. All else that is read goes on. A file that is not YAML, and
// what only a mistake can be, such as a filter that does not parse, a capacity of
// 0 or a damaged list, is an error of [Load]; but not in a file that the index of
// CrowdSec's hub knows, for an upgrade of the hub must not keep a server from
// starting: there it is skipped and named, too.
//
// An expression that fails on an event does not match it. When memory runs out,
// which is bounded, the bucket that was not used for the longest time is
// forgotten: clients without number cost detection, never the server.
package detect
