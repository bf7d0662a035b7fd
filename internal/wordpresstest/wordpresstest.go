//go:build linux

// Package wordpresstest runs a real WordPress for the tests of this module, where
// there is a script that can. The environment variable TOCSIN_WP_SH names it:
//
//	wp.sh start DIR PORT    WordPress in DIR/site, PHP on DIR/run/fpm.sock, and a
//	                        Caddy on the port, or none with WP_NOCADDY=1
//	wp.sh reset DIR         its database as it was after the installation
//	wp.sh stop DIR
//
// It is copied into a cache, with the seed.php beside it, and keeps what it needs
// there: 24 MB of packages of Debian, which it downloads at the first run and
// unpacks but does not install. The folder that it came from is only read.
package wordpresstest

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
	"syscall"
	"time"
)

// The account that may do everything.
const (
	User     = "admin"
	Password = "Corr3ct-Horse-9"
)

// ErrNone says that TOCSIN_WP_SH names no script.
var ErrNone = errors.New("TOCSIN_WP_SH names no script that runs WordPress")

// A Site is a WordPress.
type Site struct {
	Dir  string
	Port string // that the script was given

	script string
}

// Installed reports whether the site was started before, and has WordPress.
func (s Site) Installed() bool {
	_, err := os.Stat(filepath.Join(s.Dir, ".installed"))
	return err == nil
}

// Start starts the site of that name where it was installed earlier, or installs it
// there. The environment that env returns, if it is not nil, is added for it. A lock
// keeps other processes from the same site; stop gives it back.
func Start(name string, env func(Site) ([]string, error)) (s Site, stop func() error, err error) {
	script := os.Getenv("TOCSIN_WP_SH")
	if script == "" {
		return s, nil, ErrNone
	}
	cache, err := cacheDir()
	if err != nil {
		return s, nil, err
	}
	lock, err := lockFile(filepath.Join(cache, name+".lock"))
	if err != nil {
		return s, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	s = Site{Dir: filepath.Join(cache, name), script: filepath.Join(cache, "wp.sh")}
	for from, to := range map[string]string{script: s.script, filepath.Join(filepath.Dir(script), "seed.php"): filepath.Join(cache, "seed.php")} {
		if err := copyFile(from, to); err != nil {
			return s, nil, err
		}
	}
	end, err := s.watch(lock)
	if err != nil {
		return s, nil, err
	}
	if s.Port, err = freePort(); err == nil {
		err = s.up(env)
	}
	if err != nil {
		return s, nil, errors.Join(err, end())
	}
	return s, func() error { return errors.Join(end(), lock.Close()) }, nil
}

func lockFile(name string) (*os.File, error) {
	lock, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func (s Site) up(env func(Site) ([]string, error)) error {
	var more []string
	if env != nil {
		var err error
		if more, err = env(s); err != nil {
			return err
		}
	}
	if err := s.run(more, "start", s.Dir, s.Port); err != nil {
		return err
	}
	return s.run(nil, "reset", s.Dir)
}

// cacheDir returns a folder that stays. PHP and the database, which do not
// run as root, have to get into it.
func cacheDir() (string, error) {
	base := cmp.Or(os.Getenv("XDG_CACHE_HOME"), "/var/cache")
	if os.Getuid() != 0 {
		var err error
		if base, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(base, "tocsin", "wp")
	return dir, os.MkdirAll(dir, 0o755) //nolint:gosec // for the users that PHP and the database run as
}

// copyFile leaves a copy alone that is right: another process may be running it.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, content) {
		return nil
	}
	draft, err := os.CreateTemp(filepath.Dir(to), "draft")
	if err != nil {
		return err
	}
	_, err = draft.Write(content)
	return errors.Join(err, draft.Chmod(0o644), draft.Close(), os.Rename(draft.Name(), to))
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
func (s Site) run(env []string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // packages may have to come first
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{s.script}, args...)...) //nolint:gosec // the script that the environment names
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
func (s Site) watch(lock *os.File) (stop func() error, err error) {
	cmd := exec.Command("bash", "-c", `read -r || true; exec bash "$0" stop "$1"`, s.script, s.Dir) //nolint:gosec // the same
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                                           // a key that interrupts the tests does not reach it
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
