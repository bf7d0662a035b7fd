package challenge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// clockSkew is the largest accepted difference between the clocks of the provider and
// this server.
const clockSkew = time.Minute

// An answer is a provider's answer about a response.
type answer struct {
	success  bool
	hostname string
	action   string
	time     time.Time // challenge_ts; zero: absent
	score    *float64  // nil: absent
	codes    []string  // error-codes
}

// parseAnswer reads a provider's answer: a JSON object with the boolean success. The
// other members may be absent or null, and otherwise need their type. Names must match
// exactly, and unknown members are ignored.
func parseAnswer(body []byte) (answer, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return answer{}, err
	}
	var a answer
	var success *bool
	var stamp string
	for name, into := range map[string]any{
		"success": &success, "hostname": &a.hostname, "action": &a.action,
		"challenge_ts": &stamp, "score": &a.score, "error-codes": &a.codes,
	} {
		if raw, ok := members[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return answer{}, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if success == nil {
		return answer{}, errors.New("the field success is missing")
	}
	a.success = *success
	var err error
	a.time, err = parseStamp(stamp)
	return a, err
}

// parseStamp reads a challenge_ts: RFC 3339, also with a zone without a colon.
func parseStamp(stamp string) (time.Time, error) {
	if stamp == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, stamp); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("challenge_ts: %.40q is not a time", stamp)
}

// judge returns nil if a proves that a person requested host.
func (s *siteVerify) judge(a answer, host string, now time.Time) error {
	if !a.success {
		return s.unsuccessful(a.codes, now)
	}
	if len(a.codes) > 0 {
		return fmt.Errorf("success together with error codes %.100q", a.codes)
	}
	for _, check := range []func(answer) error{
		func(a answer) error { return s.checkHost(a.hostname, host) },
		s.checkAction,
		func(a answer) error { return s.checkAge(a.time, now) },
		s.checkScore,
	} {
		if err := check(a); err != nil {
			return err
		}
	}
	s.proved.Store(now.Unix())
	return nil
}

func (s *siteVerify) checkHost(got, host string) error {
	name := plainHost(got)
	if name == "" {
		name = NotProvided
	}
	good := slices.Contains(s.cfg.Hostnames, name)
	if len(s.cfg.Hostnames) == 0 {
		// A visitor may request any host, even one of this name.
		good = name == plainHost(host) && name != NotProvided
	}
	if !good {
		return refused("solved for host %.100q", got)
	}
	return nil
}

// plainHost normalizes host for a comparison: lower case, without brackets of IPv6 and
// without a dot at the end.
func plainHost(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return host
}

func (s *siteVerify) checkAction(a answer) error {
	if s.cfg.Action != "" && a.action != s.cfg.Action {
		return refused("solved for action %.100q", a.action)
	}
	return nil
}

func (s *siteVerify) checkAge(solved, now time.Time) error {
	switch age := now.Sub(solved); {
	case s.cfg.MaxAge < 0:
		return nil
	case solved.IsZero():
		return refused("the answer has no challenge_ts")
	case age > s.cfg.MaxAge+clockSkew:
		return refused("solved at %s, which is too long ago", solved.Format(time.RFC3339))
	case age < -clockSkew:
		return refused("solved at %s, which is in the future", solved.Format(time.RFC3339))
	}
	return nil
}

func (s *siteVerify) checkScore(a answer) error {
	switch {
	case s.cfg.Service == ReCaptcha && a.score != nil:
		// With a key of version 3, success has no meaning: it comes with any score.
		return errors.New("the answer has a score: want site key and secret of reCAPTCHA version 2")
	case s.cfg.MinScore == 0:
		return nil
	case a.score == nil:
		return errors.New("the answer has no score: want site key and secret of reCAPTCHA version 3")
	case !(*a.score >= s.cfg.MinScore && *a.score <= 1):
		return refused("the score is %v", *a.score)
	}
	return nil
}

// unsuccessful decides by the error codes whether the visitor or the provider has
// failed. An unknown code counts as the provider's failure.
func (s *siteVerify) unsuccessful(codes []string, now time.Time) error {
	lately := now.Sub(time.Unix(s.proved.Load(), 0)) < time.Hour
	secret, ours := false, false
	for _, code := range codes {
		switch code {
		case "missing-input-response", "invalid-input-response", "expired-input-response",
			"already-seen-response", "invalid-or-already-seen-response", "timeout-or-duplicate":
		case "sitekey-secret-mismatch", "not-using-dummy-passcode", "browser-error":
			// The cause may be keys that do not match, a host that the service does not
			// know, or a response for another site. If the keys worked lately, it is
			// the response.
			ours = ours || !lately
		case "missing-input-secret", "invalid-input-secret":
			secret = true
		default:
			ours = true
		}
	}
	switch {
	case secret:
		return fmt.Errorf("the service does not accept the secret: error codes %.100q", codes)
	case ours:
		return fmt.Errorf("error codes %.100q", codes)
	case len(codes) == 0:
		return refused("the service gives no reason")
	}
	return refused("%.100q", codes)
}
