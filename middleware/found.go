package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A finder is an Observer that also receives findings: see [Config].Found.
type finder interface{ Found(*event.Event) }

// A knowsClients is an Observer that knows which clients have behaved well: see
// [Config].Known.
type knowsClients interface {
	Known(client netip.Addr) bool
}

// A knowsLogins is an Observer that knows who has logged in: see [Config].LoggedIn.
type knowsLogins interface {
	LoggedIn(r *http.Request, client netip.Addr) bool
}

// isTrusted reports whether r passes although v asks for a challenge: the rule is not certain,
// and the client has shown good behaviour before. A program cannot solve a challenge, and
// neither can the script of a page, such as an editor that saves.
//
// Of a program any earlier login from its address is enough. Most attackers claim to be a
// browser, and people share addresses, so a browser must show that it has logged in itself.
func (i *inspectStage) isTrusted(r *http.Request, v *inspect.Verdict, f *finding) bool {
	switch {
	case !v.Likely || v.Action != lookup.Captcha || !f.client.IsValid():
		return false
	case !isBrowser(r):
		return i.isKnown(f.client)
	}
	return f.session && event.FromOwnPage(r.Method, r.Header, r.Host) || i.isLoggedIn(r, f.client)
}

// isBrowser reports whether the client claims to be a browser.
func isBrowser(r *http.Request) bool { return strings.HasPrefix(r.UserAgent(), "Mozilla/") }

// reportFindings reports the findings in r to the log, to Config.Found and, with the request, to
// the observer. The matched text goes only to the log. If the client is not observed,
// scenarios do not see the findings.
func (i *inspectStage) reportFindings(r *http.Request, v *inspect.Verdict, in *inspect.Details, f *finding) {
	seen := f.seen
	if seen == nil && f.client.IsValid() {
		seen = i.observe.newObservation(r, f.client)
	}
	findings := slices.Clone(v.Found.Findings)
	for n := range findings {
		one := &findings[n]
		if n == 0 && v.Action != lookup.None {
			one.Stopped = f.stop != nil
			one.Simulated = i.challenge.dryRun
			one.Alert = one.Alert && !f.trusted // people who write about attacks are not reported
		}
		i.challenge.results.found(r, one, in)
		one.Payload, one.Quiet = "", one.Quiet || f.seen == nil
		if seen != nil && !one.Quiet {
			seen.mark(one.Inspector + ":" + one.Rule)
		}
	}
	if seen == nil {
		return // without an address there is no client to report
	}
	seen.event.Findings = append(seen.event.Findings, findings...)
	told := seen.event
	told.Findings = findings
	i.found(&told)
}

// found logs a finding in r. If the request was stopped, it logs nothing unless there is a
// payload, because the line about the stop names the rule.
func (j *resultLog) found(r *http.Request, f *event.Finding, in *inspect.Details) {
	if f.Stopped && f.Payload == "" || !j.log.Core().Enabled(zapcore.InfoLevel) {
		return
	}
	s := Stop{Client: in.Client, Time: time.Now(), Ref: in.Ref}
	ok, left := j.matches.take(&s)
	if left.requests > 0 {
		j.logMatchesLeftOut(&left)
	}
	level := zapcore.DebugLevel
	if ok {
		level = zapcore.InfoLevel
	}
	ce := j.log.Check(level, "request matches a rule")
	if ce == nil {
		return
	}
	fields := []zap.Field{
		zap.String("origin", f.Inspector), zap.String("rule", f.Rule), zap.Strings("zones", f.Zones),
		zap.Bool("stopped", f.Stopped), zap.Bool("observed", f.Simulated), j.logIP.addr("client", s.Client),
	}
	fields = append(fields, (&requested{r.Method, r.Host, r.URL.Path}).fields()...)
	fields = append(fields, zap.String("ref", s.Ref))
	if f.Payload != "" {
		fields = append(fields, zap.String("payload", f.Payload))
	}
	ce.Write(fields...)
}

// logMatchesLeftOut logs how many findings were left out of the log.
func (j *resultLog) logMatchesLeftOut(left *leftOut) {
	j.log.Info("requests that match a rule left out of the log", zap.Uint64("requests", left.requests), zap.Time("since", left.since))
}
