// Package detect answers one question: who misbehaves?
//
// It runs CrowdSec's own scenario files, unmodified, on the requests that a
// server handles and on its responses to them, without a log file. A scenario
// is a filter, an expression over the fields that CrowdSec's parsers would find
// in an access log, and a bucket for each client: a trigger overflows at the
// first event, a leaky bucket when more come than leak out of it. An overflow is
// an [Alert].
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
// There is no clock but [Event].Time and no goroutine: the same events give the
// same alerts. Events of one client are to come in order; one that is late
// counts as if no time had passed.
//
// # What it fails on
//
// A file that is not well formed is an error of [Load]. A scenario that cannot
// run here, for it asks for another log or a list that is missing, is skipped
// and named with the reason: see [Rules.Skipped]. An expression that fails on an
// event does not match it. When memory runs out, which is bounded, the bucket
// that was not used for the longest time is forgotten: clients without number
// cost detection, never the server.
package detect
