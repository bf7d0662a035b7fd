package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const (
	testSecret   = "SECRET-of-the-site"
	testResponse = "response.of-the_widget"
)

// An outcome is the result of a response.
type outcome string

const (
	accepted outcome = "accepted"
	refusal  outcome = "refused"
	failure  outcome = "failed"
)

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, ErrRefused):
		return refusal
	}
	return failure
}

// members are the fields of a provider's answer.
type members map[string]any

// goodAnswer is Turnstile's answer about a good response.
func goodAnswer() members {
	return members{
		"success": true, "hostname": "www.example.com", "action": "challenge",
		"challenge_ts": time.Now().Add(-10 * time.Second).UTC().Format(time.RFC3339Nano), "error-codes": []string{},
		"metadata": members{"interactive": false},
	}
}

// with returns the good answer with some fields changed. A nil removes a field.
func with(changes members) members {
	m := goodAnswer()
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

func at(offset time.Duration) members {
	return with(members{"challenge_ts": time.Now().Add(offset).UTC().Format(time.RFC3339)})
}

func codes(c ...string) members { return members{"success": false, "error-codes": c} }

// answering is a service that always gives the same answer.
func answering(m members) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(m); err != nil {
			panic(err)
		}
	}
}

// saying is a service that always sends the same status and body.
func saying(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// serve starts a service and returns a provider that asks it, Turnstile unless
// cfg says otherwise.
func serve(t *testing.T, cfg SiteVerifyConfig, h http.Handler) Provider {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	if cfg.Service == "" {
		cfg.Service = Turnstile
	}
	if cfg.Service == Custom {
		cfg.ScriptURL, cfg.Class, cfg.Field = "https://captcha.example/widget.js", "captcha", "captcha-response"
	}
	cfg.SiteKey, cfg.Secret = "site-key", testSecret
	cfg.VerifyURL, cfg.Client = server.URL+"/siteverify", server.Client()
	p, err := NewSiteVerify(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func claim() Claim {
	return Claim{Response: testResponse, Host: "www.example.com", Addr: netip.MustParseAddr("192.0.2.7")}
}

func TestAnAnswerIsWorthWhatItProves(t *testing.T) {
	for name, row := range map[string]struct {
		answer members
		cfg    SiteVerifyConfig
		want   outcome
	}{
		"success for the host that was asked for": {answer: goodAnswer(), want: accepted},
		"no success":                 {answer: with(members{"success": false}), want: refusal},
		"success with an error code": {answer: with(members{"error-codes": []string{"bad-request"}}), want: failure},
		"success as text":            {answer: with(members{"success": "true"}), want: failure},
		"success as a number":        {answer: with(members{"success": 1}), want: failure},
		"no word of success":         {answer: with(members{"success": nil}), want: failure},
		"Success, in a spelling that is not the protocol's": {answer: with(members{"success": nil, "Success": true}), want: failure},
		"another host": {answer: with(members{"hostname": "evil.example"}), want: refusal},
		"a host below the one that was asked for":              {answer: with(members{"hostname": "a.www.example.com"}), want: refusal},
		"a host that ends like the one that was asked for":     {answer: with(members{"hostname": "evilwww.example.com"}), want: refusal},
		"the same host in capitals":                            {answer: with(members{"hostname": "WWW.Example.COM"}), want: accepted},
		"the same host with the dot of the root":               {answer: with(members{"hostname": "www.example.com."}), want: accepted},
		"no host":                                              {answer: with(members{"hostname": nil}), want: refusal},
		"an empty host":                                        {answer: with(members{"hostname": ""}), want: refusal},
		"hostname not-provided":                                {answer: with(members{"hostname": "not-provided"}), want: refusal},
		"hostname not-provided, which is accepted":             {answer: with(members{"hostname": "not-provided"}), cfg: SiteVerifyConfig{Hostnames: []string{"www.example.com", NotProvided}}, want: accepted},
		"no host, where not-provided is accepted":              {answer: with(members{"hostname": nil}), cfg: SiteVerifyConfig{Hostnames: []string{NotProvided}}, want: accepted},
		"another host, where not-provided is accepted":         {answer: with(members{"hostname": "evil.example"}), cfg: SiteVerifyConfig{Hostnames: []string{NotProvided}}, want: refusal},
		"a host as a list":                                     {answer: with(members{"hostname": []string{"www.example.com"}}), want: failure},
		"one of the configured hosts":                          {answer: with(members{"hostname": "login.example.com"}), cfg: SiteVerifyConfig{Hostnames: []string{"www.example.com", "Login.Example.com."}}, want: accepted},
		"the host that was asked for, which is not configured": {answer: goodAnswer(), cfg: SiteVerifyConfig{Hostnames: []string{"example.com"}}, want: refusal},

		"another action":              {answer: with(members{"action": "newsletter"}), want: refusal},
		"an action in capitals":       {answer: with(members{"action": "CHALLENGE"}), want: refusal},
		"no action":                   {answer: with(members{"action": nil}), want: refusal},
		"the configured action":       {answer: with(members{"action": "shop_1"}), cfg: SiteVerifyConfig{Action: "shop_1"}, want: accepted},
		"an action that is a number":  {answer: with(members{"action": 7}), want: failure},
		"an action hCaptcha has none": {answer: with(members{"action": nil}), cfg: SiteVerifyConfig{Service: HCaptcha}, want: accepted},

		"solved 4 minutes ago":                     {answer: at(-4 * time.Minute), want: accepted},
		"solved 7 minutes ago":                     {answer: at(-7 * time.Minute), want: refusal},
		"loaded 7 minutes ago, in reCAPTCHA's way": {answer: at(-7 * time.Minute), cfg: SiteVerifyConfig{Service: ReCaptcha}, want: accepted},
		"loaded 12 minutes ago":                    {answer: at(-12 * time.Minute), cfg: SiteVerifyConfig{Service: ReCaptcha}, want: refusal},
		"solved longer ago than configured":        {answer: at(-4 * time.Minute), cfg: SiteVerifyConfig{MaxAge: 2 * time.Minute}, want: refusal},
		"solved half a minute from now":            {answer: at(30 * time.Second), want: accepted},
		"solved two minutes from now":              {answer: at(2 * time.Minute), want: refusal},
		"solved in the year 1":                     {answer: with(members{"challenge_ts": "0001-01-01T00:00:00Z"}), want: refusal},
		"no time":                                  {answer: with(members{"challenge_ts": nil}), want: refusal},
		"an invalid time":                          {answer: with(members{"challenge_ts": "yesterday"}), want: failure},
		"a time as a number":                       {answer: with(members{"challenge_ts": 1763900000}), want: failure},
		"a zone without a colon":                   {answer: with(members{"challenge_ts": time.Now().UTC().Format("2006-01-02T15:04:05+0000")}), want: accepted},
		"no time from a custom service":            {answer: with(members{"challenge_ts": nil}), cfg: SiteVerifyConfig{Service: Custom, MaxAge: -1}, want: accepted},

		"a score of 0.9":                          {answer: with(members{"score": 0.9}), cfg: SiteVerifyConfig{Service: ReCaptchaV3}, want: accepted},
		"a score of 0.4":                          {answer: with(members{"score": 0.4}), cfg: SiteVerifyConfig{Service: ReCaptchaV3}, want: refusal},
		"a score of 0.4, which is enough":         {answer: with(members{"score": 0.4}), cfg: SiteVerifyConfig{Service: ReCaptchaV3, MinScore: 0.3}, want: accepted},
		"a score of 7":                            {answer: with(members{"score": 7}), cfg: SiteVerifyConfig{Service: ReCaptchaV3}, want: refusal},
		"a score as text":                         {answer: with(members{"score": "0.9"}), cfg: SiteVerifyConfig{Service: ReCaptchaV3}, want: failure},
		"no score where there has to be one":      {answer: goodAnswer(), cfg: SiteVerifyConfig{Service: ReCaptchaV3}, want: failure},
		"keys of version 3 passed off as 2":       {answer: with(members{"score": 0.1}), cfg: SiteVerifyConfig{Service: ReCaptcha}, want: failure},
		"a score of hCaptcha, where 1 is a robot": {answer: with(members{"score": 0.1}), cfg: SiteVerifyConfig{Service: HCaptcha}, want: accepted},
	} {
		t.Run(name, func(t *testing.T) {
			err := serve(t, row.cfg, answering(row.answer)).Verify(t.Context(), claim())
			if got := outcomeOf(err); got != row.want {
				t.Errorf("%v: %s; want %s", err, got, row.want)
			}
		})
	}
}

func TestAnErrorCodeTellsWhoseFaultItIs(t *testing.T) {
	for name, row := range map[string]struct {
		codes []string
		want  outcome
	}{
		"the response is invalid":                   {[]string{"invalid-input-response"}, refusal},
		"the response is missing":                   {[]string{"missing-input-response"}, refusal},
		"the response is spent or too old":          {[]string{"timeout-or-duplicate"}, refusal},
		"hCaptcha: the response is too old":         {[]string{"expired-input-response"}, refusal},
		"hCaptcha: the response is spent":           {[]string{"already-seen-response"}, refusal},
		"hCaptcha: the response is one or other":    {[]string{"invalid-or-already-seen-response"}, refusal},
		"no code":                                   {nil, refusal},
		"the secret is invalid":                     {[]string{"invalid-input-secret"}, failure},
		"the secret is missing":                     {[]string{"missing-input-secret"}, failure},
		"the response is invalid, so is the secret": {[]string{"invalid-input-response", "invalid-input-secret"}, failure},
		"the service is broken":                     {[]string{"internal-error"}, failure},
		"the request is not understood":             {[]string{"bad-request"}, failure},
		"the keys are no pair":                      {[]string{"sitekey-secret-mismatch"}, failure},
		"the host is none of the service's":         {[]string{"browser-error"}, failure},
		"a code that nobody knows":                  {[]string{"out-of-coffee"}, failure},
	} {
		t.Run(name, func(t *testing.T) {
			err := serve(t, SiteVerifyConfig{}, answering(codes(row.codes...))).Verify(t.Context(), claim())
			if got := outcomeOf(err); got != row.want {
				t.Errorf("%v: %s; want %s", err, got, row.want)
			}
		})
	}
}

func TestAnInvalidSecretIsSaidPlainly(t *testing.T) {
	err := serve(t, SiteVerifyConfig{}, answering(codes("invalid-input-secret"))).Verify(t.Context(), claim())
	if err == nil || !strings.Contains(err.Error(), "does not accept the secret") {
		t.Errorf("%v; want an error that says so", err)
	}
}

// A visitor with another site's response must not be able to switch the provider off
// for everybody.
func TestAResponseOfOtherKeysIsTheVisitorsFaultOnceTheKeysAreProven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var say atomic.Value
		p := fakeService(t, func(*http.Request) (*http.Response, error) {
			body, err := json.Marshal(say.Load())
			return response(string(body)), err
		})
		verify := func(m members) outcome {
			say.Store(m)
			return outcomeOf(p.Verify(t.Context(), claim()))
		}
		mismatch := codes("sitekey-secret-mismatch")
		if got := verify(mismatch); got != failure {
			t.Errorf("before anybody passed: %s; want %s", got, failure)
		}
		if got := verify(goodAnswer()); got != accepted {
			t.Fatalf("a good answer: %s", got)
		}
		if got := verify(mismatch); got != refusal {
			t.Errorf("after somebody passed: %s; want %s", got, refusal)
		}
		if got := verify(codes("sitekey-secret-mismatch", "invalid-input-secret")); got != failure {
			t.Errorf("an invalid secret after somebody passed: %s; want %s", got, failure)
		}
		<-time.After(time.Hour)
		if got := verify(mismatch); got != failure {
			t.Errorf("an hour after somebody passed: %s; want %s", got, failure)
		}
	})
}

func TestWhatIsNoAnswerIsAFailure(t *testing.T) {
	good, err := json.Marshal(goodAnswer())
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.HandlerFunc{
		"500":                         saying(500, string(good)),
		"503 and a page":              saying(503, "<h1>Down</h1>"),
		"500 that blames the visitor": saying(500, `{"success":false,"error-codes":["invalid-input-response"]}`),
		"201":                         saying(201, string(good)),
		"204":                         saying(204, ""),
		"404":                         saying(404, string(good)),
		"400 and success":             saying(400, string(good)),
		"400 and a page":              saying(400, "<h1>No</h1>"),
		"nothing":                     saying(200, ""),
		"garbage":                     saying(200, "\x00\xff\xfe{"),
		"a page":                      saying(200, "<!doctype html><title>Sign in to the hotel</title>"),
		"null":                        saying(200, "null"),
		"true":                        saying(200, "true"),
		"a list":                      saying(200, "["+string(good)+"]"),
		"two objects":                 saying(200, string(good)+string(good)),
		"an object cut off":           saying(200, string(good[:len(good)-1])),
		"a body of a gigabyte":        endless(strings.Repeat(" ", 1<<20), 1<<10),
		"a body a byte too long":      saying(200, string(good)+strings.Repeat(" ", 65_536+1-len(good))),
		"a body that is cut off":      lying,
		"a redirect to a good one":    redirecting(string(good), http.StatusTemporaryRedirect),
		"a redirect by GET":           redirecting(string(good), http.StatusSeeOther),
		"a connection that is shut":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			err := serve(t, SiteVerifyConfig{}, h).Verify(t.Context(), claim())
			if got := outcomeOf(err); got != failure {
				t.Errorf("%v: %s; want %s", err, got, failure)
			}
		})
	}
	t.Run("a service that is not there", func(t *testing.T) {
		p := serve(t, SiteVerifyConfig{}, nil).(*siteVerify)
		gone := httptest.NewServer(nil)
		gone.Close()
		p.cfg.VerifyURL = gone.URL
		if err := p.Verify(t.Context(), claim()); outcomeOf(err) != failure {
			t.Errorf("%v; want a failure", err)
		}
	})
}

func TestTheLongestAnswerIsRead(t *testing.T) {
	good, err := json.Marshal(goodAnswer())
	if err != nil {
		t.Fatal(err)
	}
	body := string(good) + strings.Repeat(" ", 65_536-len(good))
	if err := serve(t, SiteVerifyConfig{}, saying(200, body)).Verify(t.Context(), claim()); err != nil {
		t.Error(err)
	}
}

func TestA400ThatBlamesTheResponseIsARefusal(t *testing.T) {
	p := serve(t, SiteVerifyConfig{}, saying(400, `{"success":false,"error-codes":["invalid-input-response"]}`))
	if err := p.Verify(t.Context(), claim()); outcomeOf(err) != refusal {
		t.Errorf("%v; want a refusal", err)
	}
}

// endless sends piece again and again, until the reader disconnects.
func endless(piece string, times int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for range times {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}
}

// lying announces a longer body than it sends.
func lying(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"success":true}`)
}

// redirecting redirects to another path, which has a good answer.
func redirecting(good string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			_, _ = io.WriteString(w, good)
			return
		}
		http.Redirect(w, r, "/elsewhere", status)
	}
}

func TestAServiceThatIsTooSlowIsAFailure(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"it never answers": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client disconnects
			<-r.Context().Done()
		},
		"its answer drips": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			drop := time.NewTicker(5 * time.Millisecond)
			defer drop.Stop()
			for {
				select {
				case <-drop.C:
					_, _ = io.WriteString(w, " ")
					_ = http.NewResponseController(w).Flush()
				case <-r.Context().Done():
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := serve(t, SiteVerifyConfig{Timeout: 100 * time.Millisecond}, h).Verify(t.Context(), claim())
			if outcomeOf(err) != failure || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v; want a failure by the deadline", err)
			}
		})
	}
}

// A tripper is a service without a network, for synctest.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func fakeService(t *testing.T, f tripper) Provider {
	t.Helper()
	p, err := NewSiteVerify(SiteVerifyConfig{Service: Turnstile, SiteKey: "site-key", Secret: testSecret, Client: &http.Client{Transport: f}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hanging never answers.
func hanging(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestNobodyWaitsLongerThanTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fakeService(t, hanging)
		start := time.Now()
		if err := p.Verify(t.Context(), claim()); outcomeOf(err) != failure {
			t.Errorf("%v; want a failure", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v; want 5s", took)
		}
	})
}

func TestAVisitorWhoLeavesIsNoFailureOfTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fakeService(t, hanging)
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if err := p.Verify(ctx, claim()); outcomeOf(err) != refusal {
			t.Errorf("%v; want a refusal", err)
		}
	})
}

func TestAResponseThatCannotBeOneIsNotSent(t *testing.T) {
	for name, row := range map[string]struct {
		cfg   SiteVerifyConfig
		claim Claim
	}{
		"empty":                               {claim: Claim{Host: "www.example.com"}},
		"over 16 KiB":                         {cfg: SiteVerifyConfig{Service: HCaptcha}, claim: Claim{Response: strings.Repeat("x", 16<<10+1), Host: "www.example.com"}},
		"over Turnstile's 2048":               {claim: Claim{Response: strings.Repeat("x", 2049), Host: "www.example.com"}},
		"a line break in it":                  {claim: Claim{Response: "x\r\ny", Host: "www.example.com"}},
		"not ASCII":                           {claim: Claim{Response: "réponse", Host: "www.example.com"}},
		"for no host, and none is configured": {claim: Claim{Response: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			p := serve(t, row.cfg, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
			if err := p.Verify(t.Context(), row.claim); outcomeOf(err) != refusal {
				t.Errorf("%v; want a refusal", err)
			}
			if asked.Load() != 0 {
				t.Error("the service was asked")
			}
		})
	}
}

// A client can send any name in the Host header.
func TestAVisitorCannotAskForTheHostThatStandsForNone(t *testing.T) {
	for _, told := range []any{nil, "", NotProvided} {
		c := claim()
		c.Host = NotProvided
		err := serve(t, SiteVerifyConfig{}, answering(with(members{"hostname": told}))).Verify(t.Context(), c)
		if outcomeOf(err) != refusal {
			t.Errorf("hostname %v: %v; want a refusal", told, err)
		}
	}
}

// asked returns the form that a service receives.
func asked(t *testing.T, cfg SiteVerifyConfig) url.Values {
	t.Helper()
	var form url.Values
	p := serve(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		form = r.PostForm
		answering(goodAnswer())(w, r)
	}))
	if err := p.Verify(t.Context(), claim()); err != nil {
		t.Fatal(err)
	}
	return form
}

func TestAServiceLearnsNoMoreThanItNeeds(t *testing.T) {
	for name, row := range map[string]struct {
		cfg  SiteVerifyConfig
		want string
	}{
		"by default":                    {SiteVerifyConfig{}, "response=response.of-the_widget&secret=SECRET-of-the-site"},
		"the address, if asked for":     {SiteVerifyConfig{RemoteIP: true}, "remoteip=192.0.2.7&response=response.of-the_widget&secret=SECRET-of-the-site"},
		"the site key, for it to check": {SiteVerifyConfig{Service: HCaptcha}, "response=response.of-the_widget&secret=SECRET-of-the-site&sitekey=site-key"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := asked(t, row.cfg).Encode(); got != row.want {
				t.Errorf("it is sent %s; want %s", got, row.want)
			}
		})
	}
}

func TestNoErrorHasTheSecretInIt(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"in the hostname": answering(with(members{"hostname": testSecret})),
		"in the action":   answering(with(members{"action": testSecret})),
		"in the time":     answering(with(members{"challenge_ts": testSecret})),
		"in a code":       answering(codes(testSecret)),
		"in both codes":   answering(codes("invalid-input-secret", testSecret)),
		"in a redirect":   redirecting("", 308),
		"in garbage":      saying(200, testSecret),
		"in an error":     saying(500, testSecret),
	} {
		t.Run(name, func(t *testing.T) {
			err := serve(t, SiteVerifyConfig{}, h).Verify(t.Context(), claim())
			if err == nil || strings.Contains(err.Error(), testSecret) {
				t.Errorf("%v; want an error without the secret", err)
			}
		})
	}
	t.Run("in the URL", func(t *testing.T) {
		gone := httptest.NewServer(nil)
		gone.Close()
		p, err := NewSiteVerify(SiteVerifyConfig{Service: HCaptcha, SiteKey: "k", Secret: testSecret, VerifyURL: gone.URL + "/?key=KEY-of-the-proxy"})
		if err != nil {
			t.Fatal(err)
		}
		err = p.Verify(t.Context(), claim())
		if err == nil || strings.Contains(err.Error(), "KEY-of-the-proxy") || strings.Contains(err.Error(), testSecret) {
			t.Errorf("%v; want an error without the key", err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	now := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	good := `{"success":true,"hostname":"www.example.com","action":"challenge","challenge_ts":"2026-11-23T19:59:00Z","error-codes":[]}`
	for _, seed := range []string{
		good, strings.ToUpper(good), "", "null", "{}", "[]", good + good,
		`{"success":true,"success":false}`, `{"success":true,"hostname":null,"score":1e400}`,
		strings.Replace(good, "www.example.com", "evil.example", 1),
		strings.Replace(good, "true", `"true"`, 1),
		strings.Replace(good, "19:59", "23:59", 1),
		`{"success":false,"error-codes":["invalid-input-response"]}`,
	} {
		f.Add([]byte(seed))
	}
	p, err := NewSiteVerify(SiteVerifyConfig{Service: Turnstile, SiteKey: "k", Secret: testSecret})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parseAnswer(body)
		if err == nil {
			err = p.(*siteVerify).judge(a, "www.example.com", now)
		}
		if err != nil {
			return
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("%q is accepted, and is no JSON: %v", body, err)
		}
		host, _ := m["hostname"].(string)
		stamp, _ := m["challenge_ts"].(string)
		if m["success"] != true || m["action"] != "challenge" ||
			!strings.EqualFold(strings.TrimSuffix(strings.Trim(host, "[]"), "."), "www.example.com") ||
			!strings.HasPrefix(stamp, "2026-11-2") {
			t.Fatalf("%q is accepted", body)
		}
	})
}
