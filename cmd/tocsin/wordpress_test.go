//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tocsin-project/tocsin/internal/wordpresstest"
)

// Who writes in the WordPress.
const (
	wpUser     = wordpresstest.User
	wpPassword = wordpresstest.Password
)

// A wordpress is a site of PHP that is shared by the tests.
type wordpress struct{ wordpresstest.Site }

// directives returns what serves the site in a Caddyfile.
func (w wordpress) directives() string {
	return "root * " + w.Dir + "/site\nencode zstd gzip\nphp_fastcgi unix/" + w.Dir + "/run/fpm.sock\nfile_server"
}

// bed is the only WordPress of this process. The first test that wants it starts
// it, and it is stopped when the last one has ended.
var bed struct {
	sync.Mutex
	wordpress
	users int
	end   func() error
}

// newWordPress returns the WordPress, and skips t if there is none.
func newWordPress(t testing.TB) wordpress {
	t.Helper()
	bed.Lock()
	defer bed.Unlock()
	if bed.users == 0 {
		site, end, err := wordpresstest.Start("site", viaProgram)
		if errors.Is(err, wordpresstest.ErrNone) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		bed.wordpress, bed.end = wordpress{site}, end
	}
	bed.users++
	t.Cleanup(func() {
		bed.Lock()
		defer bed.Unlock()
		if bed.users--; bed.users == 0 {
			if err := bed.end(); err != nil {
				t.Error(err)
			}
		}
	})
	return bed.wordpress
}

// viaProgram has the site installed through the program itself, which then leaves it
// to others.
func viaProgram(site wordpresstest.Site) ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	env := []string{"WP_CADDY=" + exe, asServer + "=1"}
	if site.Installed() {
		return append(env, "WP_NOCADDY=1"), nil
	}
	plain := filepath.Join(filepath.Dir(site.Dir), "Caddyfile")
	text := "{\nadmin off\nauto_https off\npersist_config off\n}\nhttp://:{PORT} {\nbind {BIND}\n" + wordpress{site}.directives() + "\n}\n"
	return append(env, "WP_CADDYFILE="+plain), os.WriteFile(plain, []byte(text), 0o644)
}
