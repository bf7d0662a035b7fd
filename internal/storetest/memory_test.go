package storetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	storetest.Store(t, func(*testing.T) func() (community.Store, error) {
		m := storetest.NewMemory()
		return func() (community.Store, error) { return m.Open(), nil }
	})
}

func TestBrokenMemoryFailsUntilItIsMended(t *testing.T) {
	m := storetest.NewMemory()
	full := errors.New("no space left")
	write := func() error {
		return m.Open().Update(context.Background(), func(tx community.Tx) error { return tx.PutSetting("a", []byte("b")) })
	}
	m.Break(full)
	for _, err := range []error{write(), m.Check(t.Context()), m.Wait(t.Context(), 0), m.Add(t.Context(), community.Account{})} {
		if !errors.Is(err, full) {
			t.Errorf("got error %v; want %v", err, full)
		}
	}
	m.Break(nil)
	if err := write(); err != nil {
		t.Error(err)
	}
}

func TestMemoryIsAccounts(t *testing.T) {
	storetest.Accounts(t, func(*testing.T) func() (community.Accounts, error) {
		m := storetest.NewMemory()
		return func() (community.Accounts, error) { return m.Open(), nil }
	})
}
