//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkReplay is what an operator waits for: the program reads a log of a million lines,
// on one core, and judges it by the built-in scenarios. The goal is ten seconds. The logs
// are those that TestWriteLongLogs of replay writes:
//
//	TOCSIN_LONG_LOGS=/tmp go test -run TestWriteLongLogs ./replay
//	TOCSIN_LONG_LOGS=/tmp go test -run '^$' -bench Replay -benchtime 3x ./cmd/tocsin
func BenchmarkReplay(b *testing.B) {
	folder := os.Getenv("TOCSIN_LONG_LOGS")
	if folder == "" {
		b.Skip("TOCSIN_LONG_LOGS names no folder")
	}
	m := newBench(b)
	for _, log := range []string{"caddy.log", "combined.log"} {
		file := filepath.Join(folder, log)
		b.Run(log, func(b *testing.B) {
			var wall, cpu time.Duration
			for b.Loop() {
				took, used := m.replay(b, file)
				wall, cpu = wall+took, cpu+used
			}
			b.ReportMetric(wall.Seconds()/float64(b.N), "s/Mline")
			b.ReportMetric(cpu.Seconds()/float64(b.N), "CPU-s/Mline")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// replay has the program read a log on one core, and returns how long that took and how
// much of the core.
func (m *bench) replay(b *testing.B, file string) (wall, cpu time.Duration) {
	b.Helper()
	const stops = 2 // the exit status if somebody would have been stopped
	cmd := exec.CommandContext(b.Context(), "taskset", "-c", m.servers[0], m.exe, "replay", "--scenarios", "builtin", file)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != stops) {
		b.Fatalf("replay: %v\n%s", err, out)
	}
	return time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
