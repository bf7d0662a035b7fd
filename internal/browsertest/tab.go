package browsertest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A Tab is a tab of a browser. Whatever fails in it, or has to wait for too long, ends the
// test.
type Tab struct {
	t   testing.TB
	ctx context.Context
	// Known returns what else may help to see why a test failed.
	Known func() string
}

// NewTab opens a tab in a browser of Start, or beside another tab of its own. It ends with t.
func NewTab(t testing.TB, browser context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, options...)
	t.Cleanup(cancel)
	if err := begin(ctx, cancel); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return &Tab{t: t, ctx: ctx, Known: func() string { return "" }}
}

// begin opens the tab of ctx. It lives as long as the first context that it is used with, so
// that cannot be one with a deadline.
func begin(ctx context.Context, cancel context.CancelFunc) error {
	late := time.AfterFunc(patience, cancel)
	defer late.Stop()
	return chromedp.Do(ctx)
}

// Context is that of the tab, for NewTab.
func (v *Tab) Context() context.Context { return v.ctx }

// Do carries out steps.
func (v *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		v.Give(err)
	}
}

// Give ends the test with all that may help to see why.
func (v *Tab) Give(err error) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 5*time.Second)
	defer cancel()
	text, gone := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.documentElement.innerText`))
	if gone != nil {
		text = fmt.Sprintf("it cannot be read: %v", gone) // the page hangs, or the browser
	}
	v.t.Fatalf("%v\n%spage: %s", err, v.Known(), text)
}

// Open goes to a URL and waits until the page there is loaded, whichever it is.
func (v *Tab) Open(url string) {
	v.t.Helper()
	v.Do(chromedp.Navigate(url))
}

// Until waits until an expression is true in the page, whichever that is by then.
func (v *Tab) Until(expression string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		// Between two pages there is nothing to ask.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			v.Give(fmt.Errorf("waiting for %s: %w", expression, ctx.Err()))
		}
	}
}

// Look returns what an expression says in the page.
func Look[T any](v *Tab, expression string) T {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		v.Give(fmt.Errorf("%s: %w", expression, err))
	}
	return value
}

// Tell sends the browser a command.
func Tell[P, R any](v *Tab, command cdp.Command[P, R], params P) R {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		v.Give(fmt.Errorf("%s: %w", command.Method, err))
	}
	return result
}

// Shoot writes what can be seen into the artifact NAME.png. If whole is true, it writes the
// whole page.
func (v *Tab) Shoot(name string, whole bool) {
	v.t.Helper()
	shot := Tell(v, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &whole})
	if err := os.WriteFile(Artifact(v.t, name+".png"), shot.Data, 0o600); err != nil {
		v.t.Fatal(err)
	}
}
