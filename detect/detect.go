// Package detect answers one question: which clients misbehave?
//
// It runs CrowdSec's own scenario files, unmodified, on the requests that a
// server handles and on its responses to them, without a log file. A scenario
// is a filter, an expression over the fields that CrowdSec's parsers would find
// in an access log, and a bucket for each client: a trigger overflows at the
// first event, a leaky bucket when more come than leak out of it. An overflow is
// an [event.Alert].
//
// # Attribution and credit
//
// Requests that another page made a browser send ([Attribution]) are counted apart from
// the client's own. An alert about them is [Alert.Reflected], because the client is not
// to blame. Good behaviour counts for scenarios with a label for it: pages that exist,
// credentials that the site accepts, a login that succeeds after failures. If many
// clients take part in an attack, a scenario asks for a [Guard] of the place instead of
// a decision about a client.
//
// # The outcome of a login
//
// The response shows it. An error, the form again and a redirect back to it are failures.
// A token, and a redirect elsewhere that starts a session, are successes. If a form has
// never given another answer, a success by a redirect counts only once the client uses
// it: it requests a page other than the form and the target of the redirect. After two
// unused logins with different passwords, the next ones of that client count as failures
// if many come in a short time; at a place, after six unused logins of any clients. A name
// has one password: several passwords for one name that redirects accept are guesses.
//
// Not detected: logins with many names, each followed by a page, if the application
// answers all alike. With HTTP Digest and NTLM a repeated wrong password cannot be told
// from a new one, because each request has a new hash.
//
// # Two phases
//
// [Detector.Request] runs before the handler. It runs the scenarios that need only the
// request, so that the first hit can be stopped. [Detector.Response] runs after the
// handler. It runs the scenarios that need the response. Together they raise the alerts
// that CrowdSec raises.
//
// # Time
//
// The only clock is [event.Event].Time, and there is no goroutine: the same events give
// the same alerts. The events of one client must come in order; a late event counts as
// if no time had passed.
//
// # Expressions
//
// They are CrowdSec's expressions, with those helpers of CrowdSec whose result does not
// depend on time and place, except XMLGet…, ParseKV, UnmarshalJSON and FileMap. The work
// of each is limited: a helper fails if its arguments would need too much. There is no
// log, so evt.Line.Raw is the line of nginx's combined format for the event, without
// user and size; evt.Line.Time is the event's time; evt.Line.Src, Module and Labels are
// empty.
//
// # Failure
//
// A document that cannot run here is skipped and named with the reason: see
// [Rules.Skipped]. It is about another log, needs a list that is missing, or has an
// unknown key, type, function, operator, kind of list or format, because it is newer
// than this version. The other documents run. A file that is not YAML, and a clear
// mistake such as a filter that does not parse, a capacity of 0 or a damaged list, is an
// error of [Load]. In a file that the index of CrowdSec's hub knows, such a document is
// skipped and named instead, because an upgrade of the hub must not prevent a start.
//
// An expression that fails on an event does not match it. Memory is limited: beyond the
// limit the least recently used bucket is dropped. So very many clients weaken detection,
// but never the server.
package detect
