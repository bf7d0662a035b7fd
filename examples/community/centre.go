package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/api"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/community/member"
)

// A centre is the centre of the community, with its databases.
type centre struct {
	*community.Centre
	store    *database.Store
	accounts *database.Accounts
	doors    []*httptest.Server // one for each member
	stop     func()
}

// newCentre starts a centre that keeps its data in a folder.
func newCentre(ctx context.Context, folder string) (*centre, error) {
	store, err := database.Open(ctx, filepath.Join(folder, "community.db"))
	if err != nil {
		return nil, err
	}
	accounts, err := database.OpenAccounts(ctx, filepath.Join(folder, "accounts.db"))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	c, err := community.New(community.Config{Name: "example", Store: store, Accounts: accounts, Secret: secret})
	if err != nil {
		return nil, errors.Join(err, store.Close(), accounts.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx) // it ends with ctx only
	}()
	return &centre{Centre: c, store: store, accounts: accounts, stop: func() { cancel(); <-done }}, nil
}

func (c *centre) close() {
	for _, d := range c.doors {
		d.Close()
	}
	c.stop()
	if err := errors.Join(c.store.Close(), c.accounts.Close()); err != nil {
		log.Print(err)
	}
}

// join makes a site a member. Each one comes from a network of its own: members in one
// network have one vote, and here all are on one machine.
func (c *centre) join(ctx context.Context, name string, n int) (*site, error) {
	from := netip.AddrFrom4([4]byte{198, byte(51 + n), 100, 1})
	door, err := api.New(api.Config{Centre: c, ClientIP: func(*http.Request) netip.Addr { return from }})
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(door)
	c.doors = append(c.doors, server)
	code, err := c.Invite(ctx, "the operator", community.Invitee{Name: name, Operator: name, Role: community.Reporter, Vouched: true})
	if err != nil {
		return nil, err
	}
	joined, err := member.Join(ctx, member.Joining{URL: server.URL, Invitation: code, Name: name, Terms: c.About().Terms})
	if err != nil {
		return nil, fmt.Errorf("joining: %w", err)
	}
	m, err := member.New(member.Config{URL: server.URL, Key: joined.Key, Interval: time.Second})
	if err != nil {
		return nil, err
	}
	return newSite(name, m)
}
