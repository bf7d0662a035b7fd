//go:build unix

// Package postgrestest starts PostgreSQL servers for tests, which end with them.
package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// folderEnv names the folder of initdb and postgres. With "require", tests fail if there are
// none.
const folderEnv = "TOCSIN_POSTGRES"

// A Server is a PostgreSQL server without passwords. Its commits do not wait for the disk,
// because no machine crashes in a test.
type Server struct {
	dir string
	end func()
}

// New starts a server that ends with the test. Without PostgreSQL the test is skipped.
func New(tb testing.TB) *Server {
	tb.Helper()
	s, err := Start()
	if err != nil {
		Missing(tb, err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Missing skips a test because Start returned an error, or fails it if it may not be skipped.
func Missing(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv(folderEnv) != "" {
		tb.Fatal(err)
	}
	tb.Skipf("%v: install Debian's package postgresql, or name the folder of initdb in %s", err, folderEnv)
}

// Start starts a server. Call Close at the end.
func Start() (*Server, error) {
	s := &Server{end: func() {}}
	if err := s.start(); err != nil {
		s.Close()
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	return s, nil
}

// URL returns the URL of a database; "postgres" exists from the start.
func (s *Server) URL(name string) string {
	return "postgres:///" + name + "?" + url.Values{"host": {s.dir}, "user": {"tocsin"}}.Encode()
}

// Exec runs a statement as the owner of the server.
func (s *Server) Exec(statement string) error {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), statement)
	return errors.Join(err, db.Close())
}

// WaitForDisk says whether commits wait for the disk.
func (s *Server) WaitForDisk(wait bool) error {
	return errors.Join(s.Exec("ALTER SYSTEM SET fsync = "+strconv.FormatBool(wait)), s.Exec("SELECT pg_reload_conf()"))
}

// Close ends the server, and deletes its data.
func (s *Server) Close() {
	s.end()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // what stays is in the folder for temporary files
	}
}

func (s *Server) start() (err error) {
	bin, err := folder()
	if err != nil {
		return err
	}
	// Its path must be short enough for a socket.
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return err
	}
	who, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	init := exec.Command(filepath.Join(bin, "initdb"), "--no-sync", "--auth=trust", "--username=tocsin", "--encoding=UTF8", "--locale=C", "--pgdata="+data) //nolint:gosec // the developer names the folder
	init.Dir, init.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: who}
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return s.serve(bin, data, who)
}

// serve starts the server. The shell stops it when its input ends, so that it also ends with a
// test that is killed.
func (s *Server) serve(bin, data string, who *syscall.Credential) error {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own copy
	const script = `"$0" -D "$1" -k "$2" -c listen_addresses= -c max_connections=60 & read x; kill -INT $!; wait $!`
	server := exec.Command("sh", "-c", script, filepath.Join(bin, "postgres"), data, s.dir) //nolint:gosec // the developer names the folder
	server.Dir, server.SysProcAttr, server.Stderr = s.dir, &syscall.SysProcAttr{Credential: who, Setpgid: true}, log
	input, err := server.StdinPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	s.end = func() {
		_ = input.Close()
		_ = server.Wait() // interrupted, as it was told
	}
	return s.await(log.Name())
}

// await waits until the server answers.
func (s *Server) await(log string) (err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		<-tick.C
		if err = s.WaitForDisk(false); err == nil {
			return nil
		}
	}
	text, _ := os.ReadFile(log)
	return fmt.Errorf("%w\n%s", err, text)
}

// folder returns the folder of the newest PostgreSQL.
func folder() (string, error) {
	if named := os.Getenv(folderEnv); named != "" && named != "require" {
		return named, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err == nil && len(found) == 0 {
		return "", errors.New("there is no PostgreSQL")
	}
	return slices.MaxFunc(found, func(a, b string) int { return len(a) - len(b) + strings.Compare(a, b) }), err
}

// unprivileged makes a command run as another user if this one is root, which PostgreSQL
// refuses, and gives that user a folder.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid) // numbers on Unix
		gid, _ := strconv.Atoi(u.Gid)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
	}
	return nil, errors.New("there is no user without rights")
}
