// Package storetest says what [community.Store] and [community.Accounts] promise, as tests that
// all implementations pass, and has the simplest implementation, in memory, for the tests of
// other packages.
package storetest

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// Store checks that stores keep their promises. create makes an empty database and returns a
// function that opens it, which can be called again, as another server or a restart does.
func Store(t *testing.T, create func(t *testing.T) (open func() (community.Store, error))) {
	for _, promises := range [][]promise{
		reportPromises, recordPromises, listPromises, memberPromises, casePromises, purgePromises, transactionPromises, serverPromises,
	} {
		for _, p := range promises {
			t.Run(p.name, func(t *testing.T) {
				f := &fixture{t: t, create: create(t)}
				f.Store = f.open()
				p.check(f)
			})
		}
	}
}

// A promise is what a caller may rely on.
type promise struct {
	name  string
	check func(f *fixture)
}

// A fixture is a store under test.
type fixture struct {
	t *testing.T
	community.Store
	create func() (community.Store, error)
}

// open returns another handle of the database.
func (f *fixture) open() community.Store {
	f.t.Helper()
	s, err := f.create()
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	return s
}

// update writes.
func (f *fixture) update(do func(tx community.Tx) error) {
	f.t.Helper()
	if err := f.Update(f.t.Context(), do); err != nil {
		f.t.Fatal(err)
	}
}

// add appends reports that must be new.
func (f *fixture) add(reports ...community.Report) {
	f.t.Helper()
	f.update(func(tx community.Tx) error {
		for _, r := range reports {
			if _, fresh, err := tx.Append(r); err != nil || !fresh {
				return errors.Join(err, errors.New("a new report is a known one"))
			}
		}
		return nil
	})
}

// put keeps records.
func (f *fixture) put(records ...community.Record) {
	f.t.Helper()
	f.update(func(tx community.Tx) error {
		for _, r := range records {
			if err := tx.PutRecord(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// read returns what get reads.
func read[V any](f *fixture, get func(tx community.ReadTx) (V, error)) (v V) {
	f.t.Helper()
	err := f.View(f.t.Context(), func(tx community.ReadTx) (err error) {
		v, err = get(tx)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

// absent fails the test if get does not return ErrNotFound.
func absent[V any](f *fixture, what string, get func(tx community.ReadTx) (V, error)) {
	f.t.Helper()
	err := f.View(f.t.Context(), func(tx community.ReadTx) error {
		_, err := get(tx)
		return err
	})
	if !errors.Is(err, community.ErrNotFound) {
		f.t.Errorf("%s: got error %v; want that it is not found", what, err)
	}
}

// same fails the test if got is not want. An empty slice is as good as none.
func same[V any](t testing.TB, what string, got, want V) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	empty := g.Kind() == reflect.Slice && w.Kind() == reflect.Slice && g.Len()+w.Len() == 0
	if !empty && !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

// complete fails the test if a field of what it keeps is empty, but for some: a store could
// lose a new field, and nobody would see.
func complete(t testing.TB, name string, value any, but ...string) {
	t.Helper()
	v := reflect.ValueOf(value)
	for i := range v.NumField() {
		path := v.Type().Field(i).Name
		switch field := v.Field(i); {
		case slices.Contains(but, path):
		case field.IsZero():
			t.Errorf("%s: field %s is empty in the test", name, path)
		case field.Kind() == reflect.Struct && field.Type().PkgPath() != "time" && field.Type().PkgPath() != "net/netip":
			var below []string
			for _, b := range but {
				below = append(below, strings.TrimPrefix(b, path+"."))
			}
			complete(t, name+"."+path, field.Interface(), below...)
		}
	}
}

// noon is the time of most tests.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// after returns the time so many minutes after noon.
func after(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// unit returns a unit from its text.
func unit(s string) consensus.Unit { return netip.MustParsePrefix(s) }

// Units of most tests, in their order.
var (
	first  = unit("192.0.2.1/32")
	second = unit("203.0.113.9/32")
	third  = unit("2001:db8:0:1::/64")
)

// report returns a report by a member of a unit, of a minute after noon.
func report(member consensus.MemberID, u consensus.Unit, minutes int) community.Report {
	return community.Report{
		Unit: u, Member: member,
		Scenario: "crowdsecurity/http-probing", Hash: "5d1f", Behaviour: "http:scan", Confidence: 1,
		First: after(minutes - 3), Last: after(minutes), Arrived: after(minutes + 1), Bucket: 4,
	}
}

// numbersOf returns the numbers of reports.
func numbersOf(reports []community.Report) (numbers []uint64) {
	for _, r := range reports {
		numbers = append(numbers, r.Seq)
	}
	return numbers
}
