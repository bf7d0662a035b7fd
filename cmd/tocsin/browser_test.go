//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/tocsin-project/tocsin/internal/browsertest"
)

// These tests have a real browser meet the program. They are about what only a
// browser can say: whether the page of a challenge works there, under its own
// policy, and what is sent afterwards. The package browsertest says what they need.
//
//	go test -run InABrowser ./cmd/tocsin

// patience bounds every wait. None of them is a measurement.
const patience = time.Minute

// A visitor is a tab of a browser that is at 127.0.0.1.
type visitor struct {
	*browsertest.Tab
	t testing.TB

	mu         sync.Mutex
	complaints []string // what a developer would see in red or yellow
	noisy      bool     // complaints fail no test
	exchanges  []*exchange
	waiting    map[network.RequestID]*exchange
	loaded     cdp.MonotonicTime // when the last page was
}

// An exchange is a request of a tab for a page, or of the script in one, and
// what came back.
type exchange struct {
	method, url string
	status      int64             // 0: nothing yet
	first       cdp.MonotonicTime // when the first byte came
}

func (x exchange) String() string { return fmt.Sprintf("%s %d", x.method, x.status) }

// A browserConfig says how a visitor's browser differs from that of most.
type browserConfig struct {
	prefs string // of its profile, in JSON
	flags []chromedp.ExecAllocatorOption
}

// shared is the browser of all visitors who need no other one: to start one takes seconds.
// Each has a profile of its own there, as in a private window.
var shared browsertest.Browser

// newVisitor opens a browser with an empty profile, which ends with t. Names
// below .example lead to this machine, and all others nowhere.
func newVisitor(t testing.TB, cfg browserConfig) *visitor {
	t.Helper()
	flags := append([]chromedp.ExecAllocatorOption{
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-features", "Translate,HttpsUpgrades"),
		chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	}, cfg.flags...)
	if cfg.prefs == "" && cfg.flags == nil {
		return newTab(t, shared.Start(t, flags...), chromedp.WithNewBrowserContext())
	}
	return newTab(t, browsertest.Start(t, func(cmd *exec.Cmd) {
		if cfg.prefs != "" {
			writeProfile(t, cmd.Args, cfg.prefs)
		}
	}, flags...))
}

// writeProfile writes prefs into the profile of a browser that is about to be
// started with args.
func writeProfile(t testing.TB, args []string, prefs string) {
	t.Helper()
	i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--user-data-dir=") })
	if i < 0 {
		t.Fatal("the browser has no profile")
	}
	dir := filepath.Join(strings.TrimPrefix(args[i], "--user-data-dir="), "Default")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Preferences"), []byte(prefs), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newTab opens a tab: the first one of a browser if parent has none yet.
func newTab(t testing.TB, parent context.Context, options ...chromedp.ContextOption) *visitor {
	t.Helper()
	v := &visitor{t: t, waiting: map[network.RequestID]*exchange{}}
	v.Tab = browsertest.NewTab(t, parent, append(options, chromedp.WithListener(v.hear))...)
	v.Known = func() string { return fmt.Sprintf("requests: %s\ncomplaints: %q\n", v.history(), v.heard()) }
	t.Cleanup(v.wasQuiet) // before the tab is closed
	tell(v, audits.Enable, cdp.Empty{})
	return v
}

// tab opens another tab of the same browser.
func (v *visitor) tab() *visitor {
	v.t.Helper()
	return newTab(v.t, v.Context())
}

// hear keeps what tests ask about.
func (v *visitor) hear(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.RedirectResponse != nil {
			v.answeredLocked(e.RequestID, e.RedirectResponse)
		}
		if e.Type == network.ResourceTypeDocument || e.Type == network.ResourceTypeFetch {
			x := &exchange{method: e.Request.Method, url: e.Request.URL}
			v.exchanges, v.waiting[e.RequestID] = append(v.exchanges, x), x
		}
	case *network.EventResponseReceived:
		v.answeredLocked(e.RequestID, e.Response)
	case *page.EventLoadEventFired:
		v.loaded = e.Timestamp
	case *runtime.EventConsoleAPICalled:
		v.complainLocked("console.%s %+v", e.Type, e.Args)
	case *runtime.EventExceptionThrown:
		v.complainLocked("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeBounceTrackingIssue {
			return // a site led on without a click, as a challenge does, and the test took more than ten seconds
		}
		details, err := json.Marshal(e.Issue.Details)
		v.complainLocked("issue %s: %s %v", e.Issue.Code, details, err)
	case *log.EventEntryAdded:
		// That an answer has the status of an error is no news here.
		if !strings.Contains(e.Entry.Text, "responded with a status of") {
			v.complainLocked("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	}
}

func (v *visitor) complainLocked(format string, args ...any) {
	v.complaints = append(v.complaints, fmt.Sprintf(format, args...))
}

func (v *visitor) answeredLocked(id network.RequestID, r *network.Response) {
	if x := v.waiting[id]; x != nil {
		x.status = r.Status
		if r.Timing != nil {
			x.first = cdp.MonotonicTime(r.Timing.RequestTime + r.Timing.ReceiveHeadersStart/1000)
		}
		delete(v.waiting, id)
	}
}

// readsNoisyPages has v's complaints fail no test: pages of others are not silent, the
// less so when their server ends before the browser.
func (v *visitor) readsNoisyPages() { v.noisy = true }

// wasQuiet fails the test if the browser has complained about anything.
func (v *visitor) wasQuiet() {
	if v.noisy {
		return
	}
	for _, c := range v.heard() {
		v.t.Errorf("the browser says: %s", c)
	}
}

// heard returns the browser's complaints, which are forgotten.
func (v *visitor) heard() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	defer func() { v.complaints = nil }()
	return v.complaints
}

// history returns the exchanges so far, such as "GET 403, POST 204, GET 200".
func (v *visitor) history() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []string
	for _, x := range v.exchanges {
		all = append(all, x.String())
	}
	return strings.Join(all, ", ")
}

// asked returns the URLs that were requested.
func (v *visitor) asked() (urls []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, x := range v.exchanges {
		urls = append(urls, x.url)
	}
	return urls
}

// took returns the time from the first byte of the first answer to the moment when
// the page that can be seen was complete.
func (v *visitor) took() time.Duration {
	v.t.Helper()
	v.Until("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Duration((v.loaded - v.exchanges[0].first) * cdp.MonotonicTime(time.Second))
}

// see waits until something that a selector matches can be seen. It asks the page,
// since chromedp loses sight of one that comes back out of the browser's memory.
func (v *visitor) see(selector string) {
	v.t.Helper()
	v.Until(fmt.Sprintf("document.querySelector(%q)?.checkVisibility()", selector))
}

// click waits for an element, and clicks on it.
func (v *visitor) click(selector string) {
	v.t.Helper()
	v.see(selector)
	at := look[[]float64](v, fmt.Sprintf(`(box => [box.x + box.width / 2, box.y + box.height / 2])(document.querySelector(%q).getBoundingClientRect())`, selector))
	v.Do(chromedp.MouseClickXY(at[0], at[1]))
}

// text returns the text of an element that can be seen.
func (v *visitor) text(selector string) string {
	v.t.Helper()
	v.see(selector)
	return look[string](v, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// reads waits until an element that can be seen says text.
func (v *visitor) reads(selector, text string) {
	v.t.Helper()
	v.Until(fmt.Sprintf("(e => e?.checkVisibility() && e.innerText == %q)(document.querySelector(%q))", text, selector))
}

// look returns what an expression says in the page.
func look[T any](v *visitor, expression string) T {
	v.t.Helper()
	return browsertest.Look[T](v.Tab, expression)
}

// back goes back in the history, and forward forward again. They wait for nothing:
// a page that the browser has kept is not loaded.
func (v *visitor) back() {
	v.t.Helper()
	v.Do(chromedp.Evaluate[chromedp.Void]("void setTimeout(() => history.back())"))
}

func (v *visitor) forward() {
	v.t.Helper()
	v.Do(chromedp.Evaluate[chromedp.Void]("void setTimeout(() => history.forward())"))
}

// tell sends the browser a command.
func tell[P, R any](v *visitor, command cdp.Command[P, R], params P) R {
	v.t.Helper()
	return browsertest.Tell(v.Tab, command, params)
}

// forget deletes all cookies, as if the pass had ended.
func (v *visitor) forget() {
	v.t.Helper()
	tell(v, network.ClearBrowserCookies, cdp.Empty{})
}

// headers has the browser send more of them, or other ones, from now on.
func (v *visitor) headers(h network.Headers) {
	v.t.Helper()
	tell(v, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: h})
}
