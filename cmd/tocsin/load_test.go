//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A bench is where servers are measured: the program, built from this tree, and
// the cores, one half for the servers and one for whatever loads them. Without
// that the load would take from the slower server what it gives to the faster.
type bench struct {
	exe     string
	servers []string // cores
	load    []string // cores
}

// newBench builds the program. What it needs to measure and does not find
// makes it skip b.
func newBench(b *testing.B, tools ...string) *bench {
	b.Helper()
	for _, tool := range append(tools, "taskset") {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("%v; on Debian: apt-get install wrk util-linux", err)
		}
	}
	cores := allowedCores(b)
	if len(cores) < 2 {
		b.Skip("one core cannot be divided between a server and its load")
	}
	exe := filepath.Join(b.TempDir(), "tocsin")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	half := len(cores) / 2
	return &bench{exe: exe, servers: cores[:half], load: cores[half:]}
}

// allowedCores returns the numbers of the cores that this process may use.
func allowedCores(b *testing.B) []string {
	b.Helper()
	list, ok := procField(b, os.Getpid(), "Cpus_allowed_list")
	if !ok {
		b.Fatal("the kernel does not say which cores there are")
	}
	var cores []string
	for part := range strings.SplitSeq(list, ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		last := number(b, to)
		for n := number(b, from); n <= last; n++ {
			cores = append(cores, strconv.FormatFloat(n, 'f', -1, 64))
		}
	}
	return cores
}

// pin keeps this process, and with it the Local API that it plays, off the
// servers' cores until the end of b.
func (m *bench) pin(b *testing.B) {
	b.Helper()
	set := func(cores []string) {
		cmd := exec.Command("taskset", "-a", "-c", "-p", strings.Join(cores, ","), strconv.Itoa(os.Getpid()))
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Errorf("taskset: %v\n%s", err, out)
		}
	}
	procs := runtime.GOMAXPROCS(len(m.load))
	set(m.load)
	b.Cleanup(func() {
		runtime.GOMAXPROCS(procs)
		set(append(slices.Clone(m.servers), m.load...))
	})
}

// A site is a Caddyfile in which servers differ.
type site struct {
	addr   string // where it listens
	admin  string // where its admin endpoint listens; default: it has none
	tocsin string // body of the global option; default: no tocsin, the yardstick
	answer string // what respond is given
	text   string // the whole Caddyfile, instead of one made of these
}

// caddyfile writes s out. All servers trust the proxy that the load plays, since
// to find the client behind one costs time, with and without tocsin. Nobody
// writes a line about each request: plain Caddy has no access log by default, so
// the one about each stopped request is left out, too.
func (s site) caddyfile() string {
	if s.text != "" {
		return s.text
	}
	option, directive := "", ""
	if s.tocsin != "" {
		option, directive = "tocsin {\n"+s.tocsin+"\n}", "tocsin"
	}
	return fmt.Sprintf(`{
	admin %s
	persist_config off
	auto_https off
	log {
		level ERROR
	}
	servers {
		trusted_proxies static 127.0.0.0/8
		trusted_proxies_strict
	}
	%s
}
http://%s {
	%s
	respond %s
}
`, cmp.Or(s.admin, "off"), option, s.addr, directive, s.answer)
}

// A server is a process that runs a site.
type server struct {
	site
	pid  int
	log  string // file with what it says
	cmd  *exec.Cmd
	dead chan struct{} // closed when it has ended
}

// start runs s on the servers' cores until the end of b, with env on top of the
// environment. It does not wait until s listens.
func (m *bench) start(b *testing.B, s site, env ...string) *server {
	b.Helper()
	dir := b.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(s.caddyfile()), 0o600); err != nil {
		b.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	// taskset becomes the program, so that the process is the same.
	cmd := exec.Command("taskset", "-c", strings.Join(m.servers, ","),
		m.exe, "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir,
		"GOGC=100", "GOMEMLIMIT=off", "GOMAXPROCS="+strconv.Itoa(len(m.servers)))
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // should this process be killed
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	srv := &server{site: s, pid: cmd.Process.Pid, log: log.Name(), cmd: cmd, dead: make(chan struct{})}
	go func() { // until kill
		_ = cmd.Wait() // it is killed in any case
		close(srv.dead)
	}()
	b.Cleanup(srv.kill)
	return srv
}

// kill ends the process and waits for its end.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // an error says that it is dead
	<-s.dead
}

// stop ends the process as an operator would.
func (s *server) stop(b *testing.B) {
	b.Helper()
	s.signal(b, syscall.SIGTERM)
	select {
	case <-s.dead:
	case <-time.After(10 * time.Second):
		b.Fatalf("the server does not stop:\n%s", s.said())
	}
}

// halt holds the process where it is until resume.
func (s *server) halt(b *testing.B)   { s.signal(b, syscall.SIGSTOP) }
func (s *server) resume(b *testing.B) { s.signal(b, syscall.SIGCONT) }

func (s *server) signal(b *testing.B, sig syscall.Signal) {
	b.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		b.Fatalf("%v:\n%s", err, s.said())
	}
}

// await asks s every few milliseconds until the client with address from gets
// status, for a minute at most.
func (s *server) await(b *testing.B, from string, status int) {
	b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(time.Minute)
	var (
		c   *client
		got int
		err error
	)
	for got != status {
		select {
		case <-tick.C:
		case <-s.dead:
			b.Fatalf("the server has ended:\n%s", s.said())
		case <-timeout:
			b.Fatalf("%s gets %d, %v; want %d:\n%s", from, got, err, status, s.said())
		}
		if c == nil {
			if c, err = dial(s.addr, from); err != nil {
				continue // it does not listen yet
			}
			defer c.conn.Close()
		}
		if got, _, err = c.ask(); err != nil {
			b.Fatalf("%v\n%s", err, s.said())
		}
	}
}

func (s *server) said() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// cpu returns the CPU time that the process has used up, to the hundredth of a
// second that the kernel gives.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		b.Fatalf("%v\n%s", err, s.said())
	}
	// The name, in parentheses, is the second field, and may have spaces in it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const utime, stime = 14 - 3, 15 - 3
	return time.Duration(number(b, fields[utime])+number(b, fields[stime])) * 10 * time.Millisecond
}

// memory returns the resident memory of the process now and at its peak, in MB.
func (s *server) memory(b *testing.B) (now, peak float64) {
	b.Helper()
	mb := func(name string) float64 {
		text, ok := procField(b, s.pid, name)
		if !ok {
			b.Fatalf("no %s of process %d", name, s.pid)
		}
		return number(b, strings.TrimSuffix(text, " kB")) * 1024 / 1e6
	}
	return mb("VmRSS"), mb("VmHWM")
}

// procField returns a field of /proc/PID/status.
func procField(b *testing.B, pid int, name string) (string, bool) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

func number(b *testing.B, s string) float64 {
	b.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func freeAddr(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// What wrk got out of a server in one round.
type wrkResult struct {
	perSecond, p50, p99 float64 // the latter two in µs
	cpu                 float64 // µs of the server's CPU time a request
}

var wrkLine = regexp.MustCompile(`(?m)^\s*(Requests/sec:|50%|99%|Non-2xx or 3xx responses:|Socket errors:)\s+(.*)$|^\s*(\d+) requests in`)

// wrk asks s as fast as it answers for a round, as the client with address
// from. Each answer has to be of the kind that status is of.
func (m *bench) wrk(b *testing.B, s *server, from string, status int) wrkResult {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "taskset", "-c", strings.Join(m.load, ","),
		"wrk", "-t2", "-c32", "-d", strconv.Itoa(int(max(1, round.Seconds())))+"s", "--latency", "http://"+s.addr+"/")
	if from != "" {
		cmd.Args = append(cmd.Args, "-H", "X-Forwarded-For: "+from)
	}
	before := s.cpu(b)
	out, err := cmd.CombinedOutput()
	cpu := s.cpu(b) - before
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	found := map[string]string{}
	for _, match := range wrkLine.FindAllSubmatch(out, -1) {
		found[cmp.Or(string(match[1]), "requests")] = cmp.Or(string(match[2]), string(match[3]))
	}
	refused := found["requests"]
	if status < 300 {
		refused = ""
	}
	if found["requests"] == "0" || found["Socket errors:"] != "" || found["Non-2xx or 3xx responses:"] != refused {
		b.Fatalf("not every answer is %d:\n%s", status, out)
	}
	us := func(text string) float64 {
		d, err := time.ParseDuration(text)
		if err != nil {
			b.Fatalf("wrk: %v\n%s", err, out)
		}
		return float64(d) / 1e3
	}
	return wrkResult{
		perSecond: number(b, found["Requests/sec:"]),
		p50:       us(found["50%"]),
		p99:       us(found["99%"]),
		cpu:       float64(cpu) / 1e3 / number(b, found["requests"]),
	}
}

// A client is a connection that is kept alive and asks one thing.
type client struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

// dial connects to a server, as the client with address from: if there is one,
// it stands in X-Forwarded-For.
func dial(addr, from string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	request := "GET / HTTP/1.1\r\nHost: " + addr + "\r\n"
	if from != "" {
		request += "X-Forwarded-For: " + from + "\r\n"
	}
	return &client{conn: conn, in: bufio.NewReader(conn), request: []byte(request + "\r\n")}, nil
}

// ask sends the request and reads the answer.
func (c *client) ask() (status int, body string, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, "", err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, "", err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(text), err
}

// A crowd is a number of clients, all with one address, that ask without
// pause until they are told to stop. It counts the answers by status.
type crowd struct {
	wg      sync.WaitGroup
	stopped atomic.Bool
	dropped atomic.Int64 // connections closed by the server

	mu      sync.Mutex
	answers map[int]int
}

func gather(b *testing.B, addr, from string, clients int) *crowd {
	c := &crowd{answers: map[int]int{}}
	for range clients {
		c.wg.Go(func() {
			for !c.stopped.Load() {
				if err := c.connect(addr, from); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.Cleanup(c.stop)
	return c
}

// connect asks over one connection until it is closed: on a reload Caddy, with
// or without tocsin, closes those that it has not read from yet.
func (c *crowd) connect(addr, from string) error {
	conn, err := dial(addr, from)
	if err != nil {
		return err
	}
	defer conn.conn.Close()
	for !c.stopped.Load() {
		status, _, err := conn.ask()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
			errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			c.dropped.Add(1)
			return nil
		case err != nil:
			return err
		}
		c.mu.Lock()
		c.answers[status]++
		c.mu.Unlock()
	}
	return nil
}

func (c *crowd) stop() {
	c.stopped.Store(true)
	c.wg.Wait()
}

// results gathers what the rounds of a benchmark measure, by unit.
type results map[string][]float64

func (r results) add(unit string, v float64) { r[unit] = append(r[unit], v) }

// report gives the median of each unit. The time of a round means nothing.
func (r results) report(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	for unit, all := range r {
		b.ReportMetric(median(all), unit)
	}
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// percentile returns the p-th of a hundred parts of all, which is sorted.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return all[min(len(all)*p/100, len(all)-1)]
}

func us(d time.Duration) float64 { return float64(d) / 1e3 }
