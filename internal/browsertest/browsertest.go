// Package browsertest has tests use Chromium. It looks for it under the name in
// TOCSIN_CHROMIUM, or as chromium. A test without one is skipped, unless TOCSIN_BROWSER is
// "require". Files that people may want to see are left in the folder that TOCSIN_ARTIFACTS
// names.
//
//	apt-get install --no-install-recommends chromium fonts-dejavu-core
package browsertest

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds every wait of a browser. None of them is a measurement.
const patience = time.Minute

// Find returns the name of the browser, and skips or fails t if there is none.
func Find(t testing.TB) string {
	t.Helper()
	file, err := exec.LookPath(cmp.Or(os.Getenv("TOCSIN_CHROMIUM"), "chromium"))
	switch {
	case err == nil:
	case os.Getenv("TOCSIN_BROWSER") == "require":
		t.Fatalf("no browser: %v", err)
	default:
		t.Skipf("no browser: %v; on Debian: apt-get install --no-install-recommends chromium fonts-dejavu-core", err)
	}
	return file
}

// Start returns the context of a browser with an empty profile, for NewTab, which starts it. It
// ends with t, and trusts every certificate. If prepare is not nil, it gets the command before.
func Start(t testing.TB, prepare func(*exec.Cmd), flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	ctx, cancel := allocate(Find(t), prepare, flags)
	t.Cleanup(cancel)
	return ctx
}

func allocate(file string, prepare func(*exec.Cmd), flags []chromedp.ExecAllocatorOption) (context.Context, context.CancelFunc) {
	all := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(file), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // should this process be killed
			if prepare != nil {
				prepare(cmd)
			}
		}))
	return chromedp.NewExecAllocator(context.Background(), append(all, flags...)...)
}

// A Browser is one that many tests share. NewTab with chromedp.WithNewBrowserContext gives each
// a profile of its own there.
type Browser struct {
	once    sync.Once
	ctx     context.Context
	cancels []context.CancelFunc
	err     error
}

// Start starts the browser at the first call, with these flags, and returns its context.
func (b *Browser) Start(t testing.TB, flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	file := Find(t)
	b.once.Do(func() {
		alloc, stop := allocate(file, nil, flags)
		ctx, leave := chromedp.NewContext(alloc)
		b.ctx, b.cancels = ctx, []context.CancelFunc{leave, stop}
		b.err = begin(ctx, leave)
	})
	if b.err != nil {
		t.Fatalf("starting the browser: %v", b.err)
	}
	return b.ctx
}

// Close ends the browser, if it has been started.
func (b *Browser) Close() {
	b.once.Do(func() {})
	for _, cancel := range b.cancels {
		cancel()
	}
}

// Artifact returns the name of a file that is kept if anybody wants it.
func Artifact(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("TOCSIN_ARTIFACTS")
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // the folder that the environment names
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}
