//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// asUpstream is set where this test program is to be a Local API, and says which
// decisions it makes up.
const asUpstream = "TOCSIN_TEST_AS_UPSTREAM"

// An upstream is a Local API in a process of its own, which makes way for all
// others: in the process of the load it would keep that from reading answers
// while it writes thousands of decisions, and be taken for a cost of the server.
type upstream struct {
	url, key string
}

// startUpstream runs one on the cores of the load until the end of b.
func (m *bench) startUpstream(b *testing.B, bulk lapitest.Bulk) upstream {
	b.Helper()
	text, err := json.Marshal(bulk)
	if err != nil {
		b.Fatal(err)
	}
	// Only a program that starts idle is idle in all its threads.
	cmd := exec.Command("taskset", "-c", strings.Join(m.load, ","), "chrt", "--idle", "0", os.Args[0])
	cmd.Env = append(os.Environ(), asUpstream+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // should this process be killed
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill() // an error says that it is dead
		_ = cmd.Wait()         // it was killed
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("the Local API does not say where it listens: %v", err)
	}
	return upstream{url: "http://" + strings.TrimSpace(addr), key: lapitest.DefaultKey}
}

// pulls returns how often u was asked for decisions.
func (u upstream) pulls(b *testing.B) int {
	b.Helper()
	resp, err := http.Get(u.url + "/pulls")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 32))
	if err != nil {
		b.Fatal(err)
	}
	return int(number(b, string(text)))
}

// serveUpstream is the process. It ends when it is killed.
func serveUpstream() error {
	var bulk lapitest.Bulk
	if err := json.Unmarshal([]byte(os.Getenv(asUpstream)), &bulk); err != nil {
		return fmt.Errorf("reading %s: %w", asUpstream, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h := lapitest.NewHandler(lapitest.Config{Bulk: bulk})
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("/pulls", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strconv.Itoa(len(h.Pulls())))
	})
	fmt.Println(l.Addr())
	return http.Serve(l, mux)
}
