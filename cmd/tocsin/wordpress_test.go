//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests have a real WordPress behind the program. What runs one is the
// script that TOCSIN_WP_SH names:
//
//	wp.sh start DIR PORT    WordPress in DIR/site, PHP on DIR/run/fpm.sock
//	wp.sh reset DIR         its database as it was after the installation
//	wp.sh stop DIR
//
// At the first run it downloads 24 MB of packages of Debian, which are unpacked
// into a folder of their own and not installed.

// Who writes in the WordPress.
const (
	wpUser     = "admin"
	wpPassword = "Corr3ct-Horse-9"
)

// A wordpress is a site of PHP that is shared by the tests.
type wordpress struct {
	script string
	dir    string // of the site
}

// directives returns what serves the site in a Caddyfile.
func (w wordpress) directives() string {
	return "root * " + w.dir + "/site\nencode zstd gzip\nphp_fastcgi unix/" + w.dir + "/run/fpm.sock\nfile_server"
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
	script := os.Getenv("TOCSIN_WP_SH")
	if script == "" {
		t.Skip("TOCSIN_WP_SH names no script that runs WordPress")
	}
	bed.Lock()
	defer bed.Unlock()
	if bed.users == 0 {
		site, end, err := startWordPress(script)
		if err != nil {
			t.Fatal(err)
		}
		bed.wordpress, bed.end = site, end
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

// startWordPress starts WordPress where it was installed earlier, or installs it
// there. A lock keeps other processes from the same one; end gives it back.
func startWordPress(script string) (site wordpress, end func() error, err error) {
	cache, err := wordpressCache()
	if err != nil {
		return site, nil, err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return site, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return site, nil, err
	}
	site = wordpress{filepath.Join(cache, "wp.sh"), filepath.Join(cache, "site")}
	for from, to := range map[string]string{script: site.script, filepath.Join(filepath.Dir(script), "seed.php"): filepath.Join(cache, "seed.php")} {
		if err := copyFile(from, to); err != nil {
			return site, nil, err
		}
	}
	stop, err := site.watch(lock)
	if err != nil {
		return site, nil, err
	}
	if err := site.up(cache); err != nil {
		return site, nil, errors.Join(err, stop())
	}
	return site, func() error { return errors.Join(stop(), lock.Close()) }, nil
}

// wordpressCache returns a folder that stays. PHP and the database, which do not
// run as root, have to get into it.
func wordpressCache() (string, error) {
	base := cmp.Or(os.Getenv("XDG_CACHE_HOME"), "/var/cache")
	if os.Getuid() != 0 {
		var err error
		if base, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(base, "tocsin", "wp")
	return dir, os.MkdirAll(dir, 0o755)
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, content) {
		return nil
	}
	return errors.Join(os.RemoveAll(to), os.WriteFile(to, content, 0o644))
}

// up starts the site. It is installed through the program itself, which then
// leaves it to others.
func (w wordpress) up(cache string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	env := []string{"WP_CADDY=" + exe, asServer + "=1"}
	if _, err := os.Stat(filepath.Join(w.dir, ".installed")); err == nil {
		env = append(env, "WP_NOCADDY=1")
	} else {
		plain := filepath.Join(cache, "Caddyfile")
		text := "{\nadmin off\nauto_https off\npersist_config off\n}\nhttp://:{PORT} {\nbind {BIND}\n" + w.directives() + "\n}\n"
		if err := os.WriteFile(plain, []byte(text), 0o644); err != nil {
			return err
		}
		env = append(env, "WP_CADDYFILE="+plain)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	if err := w.run(env, "start", w.dir, port); err != nil {
		return err
	}
	return w.run(nil, "reset", w.dir)
}

// freePort returns a port for a program that cannot inherit a socket.
func freePort() (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port, l.Close()
}

// run runs the script.
func (w wordpress) run(env []string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // packages may have to come first
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{w.script}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second // what it leaves running keeps the pipe
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("wp.sh %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// watch has the site stopped when stop is called, or this process ends in
// whatever way. Until then nobody else gets the lock.
func (w wordpress) watch(lock *os.File) (stop func() error, err error) {
	cmd := exec.Command("bash", "-c", `read -r || true; exec bash "$0" stop "$1"`, w.script, w.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a key that interrupts the tests does not reach it
	cmd.ExtraFiles = []*os.File{lock}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(pipe.Close(), cmd.Wait()) }, nil
}
