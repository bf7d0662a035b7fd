// Package appsec answers one question: what does CrowdSec's AppSec say about
// this request? A [Client] sends it to the AppSec component of CrowdSec 1.6.0 and
// later before the site sees the request, and returns what to do with it.
//
// # What is asked
//
// AppSec gets the head as the client sent it, with the target from before any rewrite,
// and the body up to a limit. The site still gets every byte of the body. Each request
// is inspected once. The X-Crowdsec-Appsec headers come only from this package, never
// from the visitor.
//
// # Requests that are inspected in part
//
// AppSec sees only a part of a body over the limit, of a slow body, and of the stream of
// a gRPC call or of a CONNECT. Each such request is counted, and [Config].BodyOver says
// whether it passes. This package itself refuses a head that no browser sends, and a
// target that does not parse: AppSec would answer with an error, and an error may let
// the request pass.
//
// # On failure
//
// An AppSec that is unreachable, refuses the key, gives invalid answers, or is late for
// reasons other than a request never stops the site, unless [Config].OnFailure says so.
// Each reason is counted, and logged once a minute. An unknown action is
// [Config].Fallback. Without an answer nothing below [InternalPrefix] is served.
//
// # Which requests pass when AppSec is late
//
// Every question has a weight: 100 µs for each byte of its body, and of its header
// beyond 1 KiB. Light questions weigh as much as 2 KiB at the most. The cost of a question
// counts against the shares: for the body it is the weight, for the header it is measured,
// as the mean time of the latest answers for each byte. AppSec is alive from its first
// answer until it hangs. It hangs when it has not answered for two seconds, or for three
// times what the heaviest question under way may take, if that is longer.
//
//	case                                                  the request
//	AppSec answers within Timeout and the weight          as it says
//	late, AppSec is alive                                 waits on, MaxTimeout at most
//	late by then, larger than browsers send (TooSlow)     503, an event for detection
//	late by then, behind others of its network (Crowded)  503
//	late by then, a heavy one of others runs (Held)       503
//	late by then, for any other reason (Overloaded)       503
//	AppSec falls silent while it is asked (Overloaded)    503, two seconds later
//	asked while AppSec hangs (Late)                       OnFailure, after Timeout
//	AppSec has never answered, light (Late)               OnFailure, after Timeout
//	unreachable, refuses the key                          OnFailure, at once
//
// A 503 of this table is not a ban: it has Retry-After. With PassOverload the request
// passes instead.
//
// # A delay that clients can cause is no failure
//
// By default AppSec inspects one request at a time, and continues with a request that
// has already ended. So a large request gets more time, each network has a share, and a
// network that makes AppSec late must wait while others are served. A request that is
// not inspected in time because of its own content, or that of another request, is
// refused: see [Config].PassOverload.
//
// A request is also refused if AppSec fails at it (with an error, an invalid or a cut
// answer) while it answers other questions. If it has answered no other question since,
// the client sends a harmless question of its own, one at a time and one a second at
// most. All failed requests wait for that answer, within their own time. If AppSec fails
// at it too, this is an outage. Until the result is known, the requests are refused.
package appsec

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/upstream"
	"github.com/tocsin-project/tocsin/lookup"
)

// InternalPrefix is the path prefix that the pages of CrowdSec's bot detection use.
// Requests below it are answered by AppSec or refused, and never reach the site.
// CrowdSec's master branch of July 2026 has it, no release up to 1.7.8.
const InternalPrefix = "/crowdsec-internal/challenge/"

// A Client sends requests to one AppSec. It is safe for use by many goroutines.
//
// If AppSec does not answer for a while, it gets only one question at a time until it
// answers again: see [Config].KeepAsking.
type Client struct {
	cfg       Config
	wire      carrier
	slots     budget // the number of questions in progress
	work      budget // their weight, in nanoseconds
	alone     budget // one place for all networks that have repeatedly made AppSec late
	networks  networkShares
	load      load
	breaker   breaker
	tester    tester
	bodies    *inspect.Bodies
	questions sync.Pool // of *question
	counts    counts
	log       reporter
}

// A carrier sends a question to AppSec and returns the answer.
type carrier interface {
	// ask returns with the answer, or when the time of t is over.
	ask(q *question, t *turn) (*answer, error)
	// close closes idle connections, and ends the wait for answers that no request
	// needs any more.
	close()
}

// New checks cfg, reads the files it names and returns a client. It sends
// nothing.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	c := &Client{
		cfg:     cfg,
		breaker: breaker{never: cfg.KeepAsking},
		log:     newReporter(cfg.Logger, cfg.OnFailure),
	}
	c.log.overload = "503"
	if cfg.PassOverload {
		c.log.overload = "none"
	}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("AppSec: %w", err)
	}
	return c, nil
}

func (c *Client) open() error {
	if err := c.cfg.check(); err != nil {
		return err
	}
	end, err := parseURL(c.cfg.URL)
	if err != nil {
		return err
	}
	secure, err := c.cfg.TLS.load(end)
	if err != nil {
		return err
	}
	switch text, serious := upstream.Exposed(c.cfg.URL, "the API key of AppSec"); {
	case c.cfg.Key == "":
	case serious:
		c.cfg.Logger.Warn(text)
	case text != "":
		c.cfg.Logger.Info(text)
	}
	c.share()
	c.bodies = inspect.NewBodies(c.cfg.BodyLimit, c.cfg.BodyMemory)
	c.questions.New = func() any { return new(question) }
	if c.cfg.H2C {
		c.wire, err = newMultiplexed(end, secure)
		if err != nil {
			return err
		}
		// A request that breaks the connection must not break the connection of a test
		// question.
		c.tester.carrier, err = newMultiplexed(end, secure)
		return err
	}
	c.wire = &connections{dial: newDial(end, secure), end: &end, most: c.cfg.MaxInFlight}
	return nil
}

// share sets the limits for all questions together and for one network.
func (c *Client) share() {
	places, runners := int64(c.cfg.MaxInFlight), int64(c.cfg.Routines)
	c.slots.most, c.alone.most = places, 1
	c.work.most = int64(c.cfg.MaxTimeout) * runners
	c.networks = networkShares{places: max(places/shareOf, 1), work: int64(light) * runners, by: make(map[netip.Prefix]*networkShare)}
	c.load = load{
		timeout: c.cfg.Timeout, silence: min(silence, c.cfg.MaxTimeout), routines: time.Duration(runners),
		heavy: make(map[*turn]struct{}),
	}
}

// Close closes idle connections, and those whose answers no request needs any more. A
// connection in use is closed after its answer, or after the timeout. With H2C it
// becomes idle instead, and another Close closes it. If a test question is in progress,
// Close waits for its answer, at most Timeout.
func (c *Client) Close() {
	c.wire.close()
	c.tester.close()
	c.log.close()
}

// ErrNoAnswer means that AppSec does not answer: see [Client.CheckVersions].
var ErrNoAnswer = errors.New("AppSec does not answer")

// Inspect asks AppSec about r, once for each request. If r has a body, Inspect reads
// its beginning and replaces it by a body with the same bytes. Length, encoding and
// trailers of r do not change. When r has been served, the caller must call the
// verdict's Release.
//
// It waits up to BodyTimeout for the body, and up to Timeout for the answer. It does
// not stop early if the client disconnects: an attack counts even if the attacker does
// not wait for the response.
//
// If the body breaks off or is malformed, Inspect returns an error that wraps
// [inspect.ErrBody]. Usually the client has disconnected, and this is no attack: the
// caller must drop r without calling the site. A failure of AppSec is not an error but
// a Verdict, as Config says.
func (c *Client) Inspect(r *http.Request, in inspect.Details) (inspect.Verdict, error) {
	in = in.WithDefaults(r)
	target, path, err := originForm(in.Target)
	if err != nil {
		return c.refuse(BadTarget), nil
	}
	q := c.questions.Get().(*question)
	defer q.free(&c.questions)
	q.secure, q.internal, q.mostHTTP = in.Secure, isInternal(path), c.cfg.MaxHTTPVersion
	if !q.setHead(r, &in, target, c.cfg.Key) {
		return c.refuse(LargeHead), nil
	}
	q.network = inspect.NetworkOf(in.Client)
	body, part, err := c.readBody(r, q.network)
	if err != nil {
		return inspect.Verdict{}, err
	}
	v := c.weigh(q, part)
	v.Body = body
	return v, nil
}

// weigh returns the verdict on q with the inspected part p of its body.
func (c *Client) weigh(q *question, p part) inspect.Verdict {
	if p.cut != uncut {
		if p.fault || c.cfg.BodyOver == lookup.Ban && p.cut != Stream {
			return c.refuse(p.cut)
		}
		c.counts.skipped[p.cut].Add(1)
	}
	q.body, q.size = p.Bytes, p.Size
	return c.judge(q)
}

// Name returns "appsec", the origin of AppSec's decisions, as in the usage metrics of
// CrowdSec's own bouncers.
func (c *Client) Name() string { return "appsec" }

// Owns reports whether a request with this target, as in the request line, is for
// AppSec and never for the site: see [InternalPrefix]. Inspect checks this itself. Owns
// is for a caller that does not inspect all requests.
func (c *Client) Owns(target string) bool {
	_, path, err := originForm(target)
	return err == nil && isInternal(path)
}

func isInternal(path string) bool { return strings.HasPrefix(path, InternalPrefix) }
