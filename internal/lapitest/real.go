package lapitest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// DefaultBouncer is the name of the bouncer that a RealServer starts with.
	DefaultBouncer = "testbouncer"

	// CrowdSec starts in half a second on an idle machine. A busy one can take
	// many times as long, and a slow test is better than a flaky one.
	startTimeout = 30 * time.Second
	stopTimeout  = 5 * time.Second
	cscliTimeout = 30 * time.Second
	pollEvery    = 20 * time.Millisecond
)

// A RealServer is a running CrowdSec that listens on a loopback port. It has
// no central API, and an SQLite database in a temporary folder. Only the
// goroutine of the test may use it.
type RealServer struct {
	URL      string // without a slash at the end
	Key      string // API key of DefaultBouncer; initially DefaultKey
	Machine  string // DefaultMachine
	Password string // DefaultPassword
	Log      string // file with the output of the server

	tb     testing.TB
	online bool
	dir    string
	pkg    crowdsecPackage
	proc   *process // nil: not running
	health *http.Client
}

// TLSFiles are paths of PEM files for a server with HTTPS: its certificate and key, and
// the authority whose client certificates replace API keys and passwords. The server
// distinguishes bouncers and machines by the OUs bouncer-ou and agent-ou.
type TLSFiles struct{ Cert, Key, CA string }

// Real starts CrowdSec and stops it at the end of the test. It looks for the
// unpacked package in the folder named by the environment variable
// TOCSIN_CROWDSEC; if that is not set, in the folder that fetch.sh fills, and
// then for the programs crowdsec and cscli in PATH. If it finds none, it skips
// the test. A TOCSIN_CROWDSEC without a package fails the test.
func Real(tb testing.TB) *RealServer {
	tb.Helper()
	return RealTLS(tb, TLSFiles{})
}

// RealTLS is Real with HTTPS. With empty files it uses HTTP.
func RealTLS(tb testing.TB, files TLSFiles) *RealServer {
	tb.Helper()
	return realServer(tb, files, Central{})
}

// Database returns the path of the server's SQLite database.
func (s *RealServer) Database() string { return filepath.Join(s.dir, databaseFile) }

// Stop ends the server. Restart starts it again.
func (s *RealServer) Stop() { s.stop(syscall.SIGTERM) }

func realServer(tb testing.TB, files TLSFiles, central Central) *RealServer {
	tb.Helper()
	pkg, err := findCrowdsec()
	if errors.Is(err, errNoCrowdsec) {
		tb.Skip("no CrowdSec here: internal/lapitest/fetch.sh gets Debian's without installing it")
	}
	if err != nil {
		tb.Fatal(err)
	}
	s := &RealServer{
		Machine: DefaultMachine, Password: DefaultPassword,
		tb: tb, dir: tb.TempDir(), pkg: pkg, online: central != (Central{}),
		// An open connection would delay the server's shutdown.
		health: &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it only checks whether the server is up
		}},
	}
	s.Log = filepath.Join(s.dir, "crowdsec.log")
	tb.Cleanup(func() {
		s.stop(syscall.SIGTERM)
		if tb.Failed() {
			tb.Logf("the end of CrowdSec's log:\n%s", tail(s.Log, 4096))
		}
	})
	addr, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	s.URL = "http://" + addr
	if files != (TLSFiles{}) {
		s.URL = "https://" + addr
	}
	if err := writeConfig(s.dir, addr, files, central); err != nil {
		tb.Fatal(err)
	}
	s.register(DefaultKey)
	s.start()
	return s
}

// Generation returns the generation of the server's protocol: Old before 1.5, else Newest.
func (s *RealServer) Generation() Generation {
	s.tb.Helper()
	if strings.Contains(s.Cscli("version"), "v1.4.") {
		return Old
	}
	return Newest
}

// register adds the machine and, unless key is empty, the bouncer. It writes to
// the database, so the server need not run.
func (s *RealServer) register(key string) {
	s.tb.Helper()
	s.Cscli("machines", "add", s.Machine, "--password", s.Password, "--force",
		"-u", s.URL+"/", "-f", filepath.Join(s.dir, credentialsFile))
	s.Key = key
	if key != "" {
		s.AddBouncer(DefaultBouncer, key)
	}
}

// Cscli runs CrowdSec's command line tool against the server and returns its
// output. It fails the test on an error.
func (s *RealServer) Cscli(args ...string) string {
	s.tb.Helper()
	out, err := s.pkg.runCscli(s.dir, args...)
	if err != nil {
		s.tb.Fatalf("cscli %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Ban adds a decision of type ban on an address or a range. The duration is in
// CrowdSec's form, such as 4h.
func (s *RealServer) Ban(value, duration string) {
	s.tb.Helper()
	s.Decide(value, "ban", duration)
}

// Decide is Ban for any type, such as captcha, throttle or a custom type.
func (s *RealServer) Decide(value, typ, duration string) {
	s.tb.Helper()
	flag := "--ip"
	if strings.Contains(value, "/") {
		flag = "--range"
	}
	s.Cscli("decisions", "add", flag, value, "--type", typ, "--duration", duration)
}

// Delete ends all decisions on this address or range, and no others.
func (s *RealServer) Delete(value string) {
	s.tb.Helper()
	// Not --ip, which would also end the decisions on ranges around it.
	s.Cscli("decisions", "delete", "--value", value)
}

// AddBouncer registers a bouncer with an API key.
func (s *RealServer) AddBouncer(name, key string) {
	s.tb.Helper()
	s.Cscli("bouncers", "add", name, "-k", key)
}

// DeleteBouncer deletes a bouncer. Its key is invalid at once.
func (s *RealServer) DeleteBouncer(name string) {
	s.tb.Helper()
	s.Cscli("bouncers", "delete", name)
}

// Kill ends the server with SIGKILL. Restart starts it again, on the same port.
func (s *RealServer) Kill() { s.stop(syscall.SIGKILL) }

// Restart ends the server if it runs and starts it again on the same port and
// database.
func (s *RealServer) Restart() {
	s.tb.Helper()
	s.stop(syscall.SIGTERM)
	s.start()
}

// DropDatabase restarts the server with a new database, without decisions or
// keys. It registers the machine again, and DefaultBouncer with key unless key
// is empty, and sets Key.
func (s *RealServer) DropDatabase(key string) {
	s.tb.Helper()
	s.stop(syscall.SIGTERM)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(s.dir, databaseFile+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.tb.Fatal(err)
		}
	}
	s.register(key)
	s.start()
}

func (s *RealServer) start() {
	s.tb.Helper()
	proc, err := startProcess(s.pkg, s.dir, s.Log, s.online)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.proc = proc
	if err := s.waitHealthy(); err != nil {
		s.tb.Fatalf("starting CrowdSec: %v\n%s", err, tail(s.Log, 4096))
	}
}

func (s *RealServer) stop(sig syscall.Signal) {
	if s.proc != nil {
		s.proc.end(sig)
		s.proc = nil
	}
}

func (s *RealServer) waitHealthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if healthy(ctx, s.health, s.URL) {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.proc.done:
			return fmt.Errorf("it ended: %w", s.proc.err)
		case <-ctx.Done():
			return fmt.Errorf("no answer from %s within %v", s.URL, startTimeout)
		}
	}
}

func healthy(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// freePort returns a free loopback address. CrowdSec cannot inherit a listener,
// so another process could take the port first. Then the server does not start,
// and the test fails with its log.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// tail returns the last n bytes of a file, or the error of reading it.
func tail(file string, n int) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}
