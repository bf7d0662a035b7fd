//go:build unix

package database_test

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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// A cluster is a PostgreSQL server of the tests' own.
type cluster struct {
	dir  string
	err  error
	stop func()
}

// started is the cluster that all tests share.
var started = sync.OnceValue(startCluster)

func TestMain(m *testing.M) {
	if path := os.Getenv("TOCSIN_TEST_APPEND"); path != "" {
		appendForever(path)
	}
	code := m.Run()
	if clusterUsed.Load() {
		started().close()
	}
	os.Exit(code)
}

// clusterUsed says that a test asked for the cluster.
var clusterUsed atomic.Bool

// postgresURL returns the URL of an empty database: the same for each test. TOCSIN_POSTGRES may name the folder of
// initdb and postgres, or be "require": without them the test fails.
func postgresURL(t testing.TB) string {
	t.Helper()
	clusterUsed.Store(true)
	c := started()
	if c.err != nil {
		if os.Getenv("TOCSIN_POSTGRES") != "" {
			t.Fatal(c.err)
		}
		t.Skipf("%v: install Debian's package postgresql, or name the folder of initdb in TOCSIN_POSTGRES", c.err)
	}
	// To make another database takes longer than to empty this one.
	c.exec(t, "DROP SCHEMA IF EXISTS tocsin_community, tocsin_accounts CASCADE")
	return c.url("postgres")
}

func (c *cluster) url(name string) string {
	return "postgres:///" + name + "?" + url.Values{"host": {c.dir}, "user": {"tocsin"}}.Encode()
}

// exec runs a statement as the owner of the cluster.
func (c *cluster) exec(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// postgresBin returns the folder of the newest PostgreSQL.
func postgresBin() (string, error) {
	named := os.Getenv("TOCSIN_POSTGRES")
	if named != "" && named != "require" {
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

func startCluster() *cluster {
	c := &cluster{stop: func() {}}
	if c.err = c.start(); c.err != nil {
		c.err = fmt.Errorf("starting PostgreSQL: %w", c.err)
	}
	return c
}

func (c *cluster) start() (err error) {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	// Its path must be short enough for a socket.
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return err
	}
	who, err := unprivileged(c.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(c.dir, "data")
	init := exec.Command(filepath.Join(bin, "initdb"), "--no-sync", "--auth=trust", "--username=tocsin", "--encoding=UTF8", "--locale=C", "--pgdata="+data)
	init.Dir, init.SysProcAttr = c.dir, &syscall.SysProcAttr{Credential: who}
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return c.serve(bin, data, who)
}

// serve starts the server. The shell stops it when its input ends, so that it also ends with a
// test that is killed.
func (c *cluster) serve(bin, data string, who *syscall.Credential) error {
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	server := exec.Command("sh", "-c", `"$0" -D "$1" -k "$2" -c listen_addresses= -c max_connections=60 & read x; kill -INT $!; wait $!`, filepath.Join(bin, "postgres"), data, c.dir)
	server.Dir, server.SysProcAttr, server.Stderr = c.dir, &syscall.SysProcAttr{Credential: who, Setpgid: true}, log
	input, err := server.StdinPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	c.stop = func() {
		input.Close()
		_ = server.Wait() // interrupted, as it was told
	}
	return c.await(log.Name())
}

// await waits until the server answers.
func (c *cluster) await(log string) error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		<-tick.C
		if err = db.PingContext(context.Background()); err == nil {
			return c.waitForDisk(db, false)
		}
	}
	text, _ := os.ReadFile(log)
	return fmt.Errorf("%w\n%s", err, text)
}

// waitForDisk says whether commits wait for the disk. Tests do without: no machine crashes in
// them.
func (c *cluster) waitForDisk(db *sql.DB, wait bool) error {
	_, err := db.Exec("ALTER SYSTEM SET fsync = " + strconv.FormatBool(wait))
	if err != nil {
		return err
	}
	_, err = db.Exec("SELECT pg_reload_conf()")
	return err
}

func (c *cluster) close() {
	c.stop()
	os.RemoveAll(c.dir)
}
