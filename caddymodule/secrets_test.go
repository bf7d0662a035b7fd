package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// A vault is a storage in memory.
type vault struct {
	lock sync.Mutex

	mu     sync.Mutex
	text   []byte
	err    error
	stores int
}

func (v *vault) Lock(context.Context, string) error   { v.lock.Lock(); return nil }
func (v *vault) Unlock(context.Context, string) error { v.lock.Unlock(); return nil }

func (v *vault) Load(context.Context, string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err == nil && v.text == nil {
		return nil, fs.ErrNotExist
	}
	return v.text, v.err
}

func (v *vault) Store(_ context.Context, _ string, text []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.text = text
	v.stores++
	return v.err
}

func (v *vault) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err = err
}

func newKeeper(t *testing.T, v *vault, l *zap.Logger) *secretKeeper {
	t.Helper()
	s, err := newShared()
	if err != nil {
		t.Fatal(err)
	}
	return &secretKeeper{storage: v, ring: s.stored, own: s.own, logger: l}
}

// A month of two servers that share a storage: whatever one signs the other
// takes, at any time and for as long as a pass can last.
func TestServersThatShareAStorageTakeEachOthersPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := new(vault)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			k := newKeeper(t, v, zap.NewNop())
			wg.Go(func() { k.run(ctx) })
			<-time.After(7 * time.Minute) // not in step
		}
		defer wg.Wait()
		defer cancel()
		type pass struct {
			secret []byte
			ends   time.Time
		}
		var passes []pass
		for range 31 * 24 * 4 {
			<-time.After(15 * time.Minute)
			synctest.Wait()
			now := time.Now()
			all := stored(t, v)
			passes = append(passes, pass{inUse(all, now)[0], now.Add(24 * time.Hour)})
			passes = slices.DeleteFunc(passes, func(p pass) bool { return now.After(p.ends) })
			for _, p := range passes {
				if !slices.ContainsFunc(all, func(s storedSecret) bool { return string(s.Secret) == string(p.secret) }) {
					t.Fatalf("%v: a pass that holds until %v is not taken any more", now, p.ends)
				}
			}
			if len(all) > 3 {
				t.Fatalf("%d secrets", len(all))
			}
		}
		if v.stores < 5 || v.stores > 12 {
			t.Errorf("stored %d times in a month", v.stores)
		}
	})
}

func stored(t *testing.T, v *vault) []storedSecret {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []storedSecret
	if err := json.Unmarshal(v.text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSecretsAreMadeOnce(t *testing.T) {
	v := new(vault)
	var wg sync.WaitGroup
	for range 8 {
		k := newKeeper(t, v, zap.NewNop())
		wg.Go(func() {
			if err := k.refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(stored(t, v)); n != 1 || v.stores != 1 {
		t.Errorf("%d secrets, stored %d times", n, v.stores)
	}
}

func TestANewSecretIsThereBeforeItSigns(t *testing.T) {
	now := time.Now()
	all, _ := rotate(nil, now)
	late := now.Add(168 * time.Hour)
	next, due := rotate(all, late)
	if !due || len(next) != 2 || !next[1].From.After(late.Add(24*time.Hour)) {
		t.Fatalf("%v, %v", next, due)
	}
	if s := inUse(next, late); string(s[0]) != string(all[0].Secret) {
		t.Error("it signs at once: other servers do not know it yet")
	}
	if s := inUse(next, next[1].From); string(s[0]) != string(next[1].Secret) || len(s) != 2 {
		t.Error("it does not sign when it is time")
	}
}

func TestAServerThatSlept(t *testing.T) {
	now := time.Now()
	all, _ := rotate(nil, now)
	all, _ = rotate(all, now.Add(168*time.Hour))
	year := now.Add(365 * 24 * time.Hour)
	all, due := rotate(all, year)
	if !due || len(all) != 2 || inUse(all, year)[0] == nil {
		t.Errorf("%v, %v", all, due)
	}
}

func TestAStorageThatFailsIsTriedAgain(t *testing.T) {
	for _, row := range []struct {
		name, text, want string
		err              error
	}{
		{name: "it is down", err: errors.New("connection refused"), want: "connection refused"},
		{name: "garbage", text: "[", want: "unexpected end"},
		{name: "a short secret", text: `[{"from":"2026-01-01T00:00:00Z","secret":"c2hvcnQ="}]`, want: "has 5 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zapcore.WarnLevel)
				v := &vault{err: row.err}
				if row.text != "" {
					v.text = []byte(row.text)
				}
				k := newKeeper(t, v, zap.New(core))
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { k.run(ctx) })
				synctest.Wait()
				if all := logs.All(); len(all) != 1 || !strings.Contains(all[0].ContextMap()["error"].(string), row.want) {
					t.Errorf("logged %v", all)
				}
				v.fail(nil)
				v.mu.Lock()
				v.text = nil
				v.mu.Unlock()
				<-time.After(time.Minute + time.Second)
				synctest.Wait()
				if n := len(stored(t, v)); n != 1 {
					t.Errorf("%d secrets", n)
				}
				cancel()
				wg.Wait()
			})
		})
	}
}
