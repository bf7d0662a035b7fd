package appsec

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestFailuresThatAreLeftOutAreToldLater(t *testing.T) {
	late := func(r *reporter, n int) {
		for range n {
			r.failure(Late, errors.New("no answer in time"))
		}
	}
	for _, row := range []struct {
		name string
		then func(r *reporter)
		want string // the numbers of requests in the lines
	}{
		{"by the next answer after a minute", func(r *reporter) {
			r.settle()
			<-time.After(time.Minute)
			r.settle()
			r.settle()
		}, "[1 19]"},
		{"by the next failure", func(r *reporter) {
			<-time.After(time.Minute)
			late(r, 2)
			r.settle()
		}, "[1 20]"},
		{"at the end", func(r *reporter) {
			r.close()
			r.close()
		}, "[1 19]"},
		{"and within the minute not", func(r *reporter) { r.settle() }, "[1]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.DebugLevel)
				r := newReporter(zap.New(core), lookup.None)
				late(&r, 20)
				row.then(&r)
				var got []any
				for _, line := range logs.All() {
					got = append(got, line.ContextMap()["requests"])
					if line.ContextMap()["kind"] != "late" {
						t.Errorf("%+v", line)
					}
				}
				if fmt.Sprint(got) != row.want {
					t.Errorf("lines about %v requests, want %s", got, row.want)
				}
			})
		})
	}
}

func TestAnAnswerTellsOfFailuresBeforeIt(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	f := newFake(t, nil)
	c := f.client(t, Config{Logger: zap.New(core)})
	c.log.began = time.Now().Add(-time.Hour)
	c.log.failures[Late].unlogged.Add(19)
	get(t, c, "/")
	if n := logs.FilterMessage("AppSec does not answer").FilterField(zap.Uint64("requests", 19)).Len(); n != 1 {
		t.Errorf("%+v", logs.All())
	}
}
