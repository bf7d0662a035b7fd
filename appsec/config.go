package appsec

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Config describes a client of AppSec. URL and Key are required.
type Config struct {
	URL string // http://127.0.0.1:7422, https://…, or unix:///run/crowdsec-appsec.sock
	Key string // API key, as `cscli bouncers add` prints it; a certificate does not replace it

	// Timeout bounds the wait for AppSec, from the first attempt to connect to
	// the last byte, a second attempt included. It grows by 100 ms for each KiB of the
	// body, and of the header beyond 1 KiB. While AppSec answers other requests, or has
	// just done so, the wait continues until MaxTimeout. Default: 200ms.
	Timeout time.Duration

	// MaxTimeout is the longest wait, for a large request or while AppSec answers other
	// requests. Default: 10s, or Timeout if that is longer.
	MaxTimeout time.Duration

	// Routines is how many requests AppSec inspects at the same time: the value of
	// routines in its acquisition. It limits large requests. Default: 1, CrowdSec's
	// default.
	Routines int

	// PassOverload lets a request pass that AppSec did not inspect in time because it is
	// large, because other requests of its network are before it, or because AppSec is
	// busy with other clients; and one that AppSec fails at while it answers others.
	// Default: it gets 503, because a client can cause all of these. OnFailure is for
	// outages.
	PassOverload bool

	// ChallengeTimeout replaces Timeout below [InternalPrefix], where AppSec computes
	// more and only AppSec can answer. Default: 5s.
	ChallengeTimeout time.Duration

	// OnFailure is the action for a request without an answer in an outage that no
	// request causes: None, Captcha or Ban. Default: None, so that an outage costs
	// protection and not the site.
	OnFailure lookup.Action

	// Fallback replaces an action that is not allow, ban, captcha or challenge, and a
	// challenge that cannot be relayed: Captcha or Ban. Default: Ban.
	Fallback lookup.Action

	// BodyLimit is how many bytes of a body are inspected, at most 64 MiB.
	// Default: 1 MiB. AppSec itself refuses more than 10 MiB unless told
	// otherwise.
	BodyLimit int

	// BodyTimeout is how long a body, or its first BodyLimit bytes, may take to
	// arrive. Default: 10s.
	BodyTimeout time.Duration

	// BodyMemory limits the memory for the bodies of all requests in progress, at least
	// BodyLimit. Default: 256 MiB. One network, a /24 or a /40 of IPv6, may use an eighth
	// of it, but always one whole body. A body uses memory as it arrives; its declared
	// length does not count.
	//
	// A body without room waits for it, as part of its BodyTimeout. Then BodyOver
	// applies, or, if its own network has used up its share, the request gets 503. While
	// another body waits, an upload that sends less than 32 KiB in two seconds is given
	// up, and its request gets 408.
	BodyMemory int64

	// BodyOver is the action for a request whose body cannot be inspected as a whole: it
	// is longer than BodyLimit, takes longer than BodyTimeout, finds no room, or is a
	// stream. None inspects the part that has arrived, does not wait for the streams of
	// gRPC calls and of CONNECT, and lets the rest pass. Ban refuses the request. It
	// treats a gRPC call like other bodies, and passes only the tunnel of an extended
	// CONNECT and the data after an Upgrade. Default: None.
	BodyOver lookup.Action

	// MaxInFlight is how many requests AppSec gets at once, each on its own connection.
	// The others wait, as part of their Timeout. Default: 256.
	MaxInFlight int

	// MaxHTTPVersion is the highest version of HTTP that AppSec gets; a higher version
	// is reported as this. Default: HTTP2, because some rules refuse versions that they
	// do not know: those of the Core Rule Set 4.0.0-rc1 refuse HTTP/3. See
	// [Client.CheckVersions].
	MaxHTTPVersion HTTPVersion

	// KeepAsking makes every request wait for its Timeout even while AppSec hangs.
	// Default: false. After at least eight timeouts in a row, over at least a second,
	// AppSec gets one request at a time until it answers one, and OnFailure applies to
	// the others at once.
	KeepAsking bool

	// H2C sends all questions over one connection of HTTP/2 without TLS, for an AppSec
	// behind a proxy that needs it; CrowdSec 1.6.6 and later accept it too. It is slower.
	// Default: HTTP/1.1.
	H2C bool

	TLS    TLS         // for https only
	Logger *zap.Logger // default: none
}

// An HTTPVersion is a version of HTTP: HTTP11, HTTP2 or HTTP3.
type HTTPVersion uint8

// The versions of HTTP.
const (
	HTTP11 HTTPVersion = 11
	HTTP2  HTTPVersion = 20
	HTTP3  HTTPVersion = 30
)

// ParseHTTPVersion returns the version that s names: 1.1, 2 or 3.
func ParseHTTPVersion(s string) (HTTPVersion, error) {
	switch s {
	case "1.1":
		return HTTP11, nil
	case "2":
		return HTTP2, nil
	case "3":
		return HTTP3, nil
	}
	return 0, fmt.Errorf("unknown version of HTTP %.64q: want 1.1, 2 or 3", s)
}

// String returns the version as people write it, such as "HTTP/2".
func (v HTTPVersion) String() string {
	if v == HTTP11 {
		return "HTTP/1.1"
	}
	return fmt.Sprintf("HTTP/%d", v/10)
}

// TLS holds paths of PEM files. A certificate with its key is read at each
// handshake, so that it can be renewed.
type TLS struct {
	Cert    string // client certificate; default: none
	KeyFile string // its private key
	CA      string // authorities for the server's certificate; default: the system's
}

// The defaults and limits in Config's comments.
const (
	defaultTimeout          = 200 * time.Millisecond
	defaultChallengeTimeout = 5 * time.Second
	defaultBodyLimit        = 1 << 20
	maxBodyLimit            = 64 << 20
	defaultBodyTimeout      = 10 * time.Second
	defaultBodyMemory       = 256 << 20
	defaultInFlight         = 256
	maxInFlight             = 1 << 16
	defaultMaxTimeout       = 10 * time.Second
	maxRoutines             = 1 << 10
	retryAfter              = 10 * time.Second // the Retry-After of requests refused because of load
)

func (cfg Config) withDefaults() Config {
	setDefault(&cfg.Timeout, defaultTimeout)
	setDefault(&cfg.ChallengeTimeout, max(defaultChallengeTimeout, cfg.Timeout))
	setDefault(&cfg.MaxTimeout, max(defaultMaxTimeout, cfg.Timeout))
	setDefault(&cfg.Routines, 1)
	setDefault(&cfg.MaxHTTPVersion, HTTP2)
	setDefault(&cfg.Fallback, lookup.Ban)
	setDefault(&cfg.BodyLimit, defaultBodyLimit)
	setDefault(&cfg.BodyTimeout, defaultBodyTimeout)
	setDefault(&cfg.BodyMemory, max(defaultBodyMemory, int64(cfg.BodyLimit)))
	setDefault(&cfg.MaxInFlight, defaultInFlight)
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return cfg
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (cfg *Config) check() error {
	for _, part := range []func() error{cfg.checkQuestion, cfg.checkTimes, cfg.checkShares, cfg.checkActions, cfg.checkBody} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (cfg *Config) checkQuestion() error {
	switch {
	case cfg.Key == "":
		return errors.New("no API key: `cscli bouncers add NAME` makes one")
	case strings.ContainsFunc(cfg.Key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the API key contains a character that is not allowed: look for a space, a line break or an unresolved placeholder")
	case cfg.MaxHTTPVersion != HTTP11 && cfg.MaxHTTPVersion != HTTP2 && cfg.MaxHTTPVersion != HTTP3:
		return fmt.Errorf("max HTTP version %d: want HTTP11, HTTP2 or HTTP3", cfg.MaxHTTPVersion)
	}
	return nil
}

func (cfg *Config) checkTimes() error {
	switch {
	case cfg.Timeout < 0 || cfg.ChallengeTimeout < 0:
		return errors.New("a timeout is negative: want at least 0")
	case cfg.MaxTimeout < cfg.Timeout:
		return fmt.Errorf("max timeout %v: want at least the timeout of %v", cfg.MaxTimeout, cfg.Timeout)
	}
	return nil
}

func (cfg *Config) checkShares() error {
	switch {
	case cfg.Routines < 0 || cfg.Routines > maxRoutines:
		return fmt.Errorf("routines %d: want 1 to %d, the same value as in AppSec's acquisition file", cfg.Routines, maxRoutines)
	case cfg.MaxInFlight < 0 || cfg.MaxInFlight > maxInFlight:
		return fmt.Errorf("max in flight %d: want 1 to %d", cfg.MaxInFlight, maxInFlight)
	}
	return nil
}

func (cfg *Config) checkActions() error {
	switch {
	case cfg.OnFailure != lookup.None && cfg.OnFailure != lookup.Captcha && cfg.OnFailure != lookup.Ban:
		return fmt.Errorf("failure %v: want none, captcha or ban", cfg.OnFailure)
	case cfg.Fallback != lookup.Captcha && cfg.Fallback != lookup.Ban:
		return fmt.Errorf("fallback %v: want captcha or ban", cfg.Fallback)
	}
	return nil
}

func (cfg *Config) checkBody() error {
	switch {
	case cfg.BodyTimeout < 0:
		return errors.New("the body timeout is negative: want at least 0")
	case cfg.BodyLimit < 0 || cfg.BodyLimit > maxBodyLimit:
		return fmt.Errorf("body limit %d: want 1 to %d bytes", cfg.BodyLimit, maxBodyLimit)
	case cfg.BodyMemory < int64(cfg.BodyLimit):
		return fmt.Errorf("body memory %d: want at least the body limit of %d bytes", cfg.BodyMemory, cfg.BodyLimit)
	case cfg.BodyOver != lookup.None && cfg.BodyOver != lookup.Ban:
		return fmt.Errorf("body over %v: want none or ban", cfg.BodyOver)
	}
	return nil
}
