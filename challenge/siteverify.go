package challenge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxAnswer   = 64 << 10 // bytes of a provider's answer; usual ones have a few hundred
	maxResponse = 16 << 10 // bytes of a widget's response
)

// siteVerify is a hosted provider.
type siteVerify struct {
	cfg         SiteVerifyConfig
	preset      preset
	widget      Widget
	maxResponse int
	host        string // of VerifyURL, for errors

	// proved is when a response was last accepted, in Unix seconds: site key and secret
	// matched then.
	proved atomic.Int64
}

// NewSiteVerify checks cfg and returns a provider. It sends nothing yet. The gate
// limits how many responses are verified at the same time.
//
// Its Verify accepts a response if the service accepts it, and the host, action, score
// and age in the answer are right. The service makes sure that a response counts once.
// If one of these is wrong, or the service calls the response missing, invalid, used or
// too old, the visitor has failed and the error is [ErrRefused]. Anything else is the
// provider's failure: no answer in time, an unknown answer, a redirect, and above all a
// secret that the service does not know.
func NewSiteVerify(cfg SiteVerifyConfig) (Provider, error) {
	p, ok := cfg.Service.preset()
	if !ok {
		return nil, fmt.Errorf("siteverify: service %q: want %s, %s, %s, %s or %s",
			cfg.Service, Turnstile, HCaptcha, ReCaptcha, ReCaptchaV3, Custom)
	}
	if cfg.Service != Custom && (cfg.Class != "" || cfg.Field != "") {
		return nil, fmt.Errorf("%s: class and field are fixed for this service: leave them out", cfg.Service)
	}
	cfg = cfg.withDefaults(p)
	if err := cfg.check(p); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Service, err)
	}
	verify, err := url.Parse(cfg.VerifyURL)
	if err != nil {
		return nil, err
	}
	s := &siteVerify{
		cfg: cfg, preset: p, widget: p.widget(cfg), maxResponse: maxResponse,
		host: verify.Host,
	}
	if p.maxResponse > 0 {
		s.maxResponse = p.maxResponse
	}
	return s, nil
}

// Name implements [Provider].
func (s *siteVerify) Name() string { return string(s.cfg.Service) }

// Widget implements [Provider].
func (s *siteVerify) Widget() Widget { return s.widget }

// Verify implements [Provider].
func (s *siteVerify) Verify(ctx context.Context, c Claim) error {
	if n := len(c.Response); n == 0 || n > s.maxResponse || !printable(c.Response) {
		return refused("the response has %d bytes, or a character that no widget sends", n)
	}
	if c.Host == "" && len(s.cfg.Hostnames) == 0 {
		return refused("the request has no Host header")
	}
	bounded, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s.verify(bounded, c)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		// A visitor who disconnects early is not a failure of the provider. Otherwise
		// anybody could switch the provider off for everybody.
		return refused("the visitor disconnected")
	case strings.Contains(err.Error(), s.cfg.Secret): // a provider may repeat the request in its answer
		err = scrubbed(err)
	}
	if errors.Is(err, ErrRefused) {
		return err
	}
	return fmt.Errorf("asking %s at %s: %w", s.Name(), s.host, err)
}

// refused returns an [ErrRefused] with a reason.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// scrubbed returns an error of the same kind as err, without its text.
func scrubbed(err error) error {
	if errors.Is(err, ErrRefused) {
		return ErrRefused
	}
	return errors.New("the answer contains the secret, so it is not shown")
}

func (s *siteVerify) verify(ctx context.Context, c Claim) error {
	body, status, err := s.ask(ctx, c)
	if err != nil {
		return err
	}
	// The body of a 400 says whether the fault is the visitor's.
	if status != http.StatusOK && status != http.StatusBadRequest {
		return fmt.Errorf("status %d", status)
	}
	a, err := parseAnswer(body)
	switch {
	case err != nil && status != http.StatusOK:
		return fmt.Errorf("status %d", status)
	case err != nil:
		return fmt.Errorf("reading its answer: %w", err)
	case status != http.StatusOK && a.success:
		return fmt.Errorf("success with status %d", status)
	}
	return s.judge(a, c.Host, time.Now())
}

// ask sends c to the provider and returns its answer and status. It ends with ctx.
func (s *siteVerify) ask(ctx context.Context, c Claim) (body []byte, status int, err error) {
	form := url.Values{"secret": {s.cfg.Secret}, "response": {c.Response}}
	if s.preset.sendKey {
		form.Set("sitekey", s.cfg.SiteKey)
	}
	if s.cfg.RemoteIP && c.Addr.IsValid() {
		form.Set("remoteip", c.Addr.String())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.VerifyURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, 0, withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := s.cfg.Client.Do(req)
	if err != nil {
		return nil, 0, withoutURL(err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("reading its answer: %w", err)
	case len(body) > maxAnswer:
		return nil, 0, fmt.Errorf("its answer has more than %d bytes", maxAnswer)
	}
	return body, res.StatusCode, nil
}

// withoutURL removes the URL from an error of net/http, because its query may contain a
// key.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
