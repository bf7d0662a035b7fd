//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An openLoop sends requests at a fixed rate, whether the earlier ones are
// answered or not, as the clients of a web server do. The latency of a request
// counts from the instant that it was due at. A load that waits for answers
// before it asks again would ask less while the server stands still, and measure
// little of just that.
//
// It is one thread that waits for the kernel only. With a goroutine for each connection on
// one core, requests waited for Go's scheduler in the load itself: 0.3 ms, longer than in
// the server.
type openLoop struct {
	rate   int // requests a second
	length time.Duration
	conns  int // connections that share the requests
}

// run returns the latencies, in rising order, and how late the load itself sent 99 of 100
// requests. A server that falls a second behind fails b.
func (l openLoop) run(b *testing.B, addr string) (latencies []time.Duration, late time.Duration) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &loopRun{
		openLoop: l, total: int(l.length.Seconds() * float64(l.rate)), request: []byte("GET / HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"),
		poll: -1, timer: -1,
	}
	defer r.close()
	err := r.connect(addr)
	if err == nil {
		err = r.loop()
	}
	if err != nil {
		b.Errorf("the load: %v", err)
		return nil, 0
	}
	slices.Sort(r.latencies)
	slices.Sort(r.late)
	return r.latencies, percentile(r.late, 99)
}

// A loopRun is one run of an openLoop.
type loopRun struct {
	openLoop
	total   int // requests
	request []byte

	poll, timer     int // file descriptors; -1: not open
	open            []loopConn
	free            []int // indexes of connections without a request, the longest unused first
	start           time.Time
	sent            int
	latencies, late []time.Duration
	buf             [4096]byte
}

// A loopConn is a connection with at most one request.
type loopConn struct {
	fd     int
	due    time.Time
	answer []byte
}

const (
	tick       = -1              // the index of the timer among events
	answerTime = 5 * time.Second // how long the last answers may take
)

func (r *loopRun) connect(addr string) (err error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	if r.poll, err = unix.EpollCreate1(0); err != nil {
		return err
	}
	if r.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK); err != nil {
		return err
	}
	if err := r.watch(r.timer, tick); err != nil {
		return err
	}
	for i := range r.conns {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		r.open = append(r.open, loopConn{fd: fd})
		r.free = append(r.free, i)
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
			return err
		}
		if err := errors.Join(unix.SetNonblock(fd, true), r.watch(fd, i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *loopRun) watch(fd, index int) error {
	return unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(index)})
}

func (r *loopRun) close() {
	for _, c := range r.open {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(r.timer)
	_ = unix.Close(r.poll)
}

// loop sends requests when they are due, and reads their answers.
func (r *loopRun) loop() error {
	every := unix.NsecToTimespec(int64(time.Second) / int64(r.rate))
	if err := unix.TimerfdSettime(r.timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return err
	}
	r.start = time.Now()
	events := make([]unix.EpollEvent, 256)
	for len(r.latencies) < r.total {
		n, err := unix.EpollWait(r.poll, events, 1000)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		now := time.Now()
		if now.Sub(r.start) > r.length+answerTime {
			return fmt.Errorf("%d requests have no answer", r.total-len(r.latencies))
		}
		for _, e := range events[:max(n, 0)] {
			if e.Fd == tick {
				_, _ = unix.Read(r.timer, r.buf[:]) // or it fires again at once
			} else if err := r.read(int(e.Fd), now); err != nil {
				return err
			}
		}
		if err := r.send(); err != nil {
			return err
		}
	}
	return nil
}

// send sends the requests that are due, as far as there are free connections.
func (r *loopRun) send() error {
	for r.sent < r.total {
		due := r.start.Add(time.Duration(r.sent) * time.Second / time.Duration(r.rate))
		late := time.Since(due)
		switch {
		case late < 0:
			return nil
		case late > time.Second:
			return errors.New("the server is a second behind")
		case len(r.free) == 0:
			return nil
		}
		c := &r.open[r.free[0]]
		r.free = r.free[1:]
		c.due = due
		if _, err := unix.Write(c.fd, r.request); err != nil {
			return err
		}
		r.late = append(r.late, late)
		r.sent++
	}
	return nil
}

// read takes what the server sent over connection i until now.
func (r *loopRun) read(i int, now time.Time) error {
	c := &r.open[i]
	n, err := unix.Read(c.fd, r.buf[:])
	if err != nil || n == 0 {
		return fmt.Errorf("reading %d bytes: %w", n, err)
	}
	c.answer = append(c.answer, r.buf[:n]...)
	head, body, whole := bytes.Cut(c.answer, []byte("\r\n\r\n"))
	if !whole || len(body) < len("ok") {
		return nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) || string(body) != "ok" {
		return fmt.Errorf("the answer is %q", c.answer)
	}
	r.latencies = append(r.latencies, now.Sub(c.due))
	c.answer = c.answer[:0]
	r.free = append(r.free, i)
	return nil
}
