package crawlers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	maxNames = 8   // of an address that are checked; crawlers have one
	maxHost  = 253 // bytes of a name: RFC 1035, section 2.3.4, in text
)

// identify returns the finding about ip, and asks DNS if necessary, until ctx ends.
// Only one goroutine at a time asks about an address. The others wait for its answer.
func (c *Checker) identify(ctx context.Context, ip netip.Addr) finding {
	limit, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for {
		found, settled, asked := c.recall(limit, ip)
		switch {
		case settled:
			return found
		case asked == nil:
			return c.ask(ctx, limit, ip)
		}
		select {
		case <-asked:
			// The answer is known now, or the other goroutine has given up.
		case <-limit.Done():
			return finding{}
		}
	}
}

// recall returns the stored finding about ip, and whether it is final: it is valid, or
// ctx has ended. If not, it returns a channel to wait for, or nil if the caller must
// ask.
func (c *Checker) recall(ctx context.Context, ip netip.Addr) (found finding, settled bool, asked <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.answers.get(ip, time.Now()); ok || ctx.Err() != nil {
		return found, true, nil
	}
	if asked := c.asking[ip]; asked != nil {
		return finding{}, false, asked
	}
	c.asking[ip] = make(chan struct{})
	return finding{}, false, nil
}

// ask asks DNS about ip within limit, which ends before ctx, and stores the answer.
func (c *Checker) ask(ctx, limit context.Context, ip netip.Addr) finding {
	defer c.release(ip)
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-limit.Done():
		return finding{} // DNS was not asked
	}
	is, err := c.resolve(limit, ip)
	if err != nil && ctx.Err() != nil {
		return finding{} // the caller has given up: this is not a failure of DNS
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case err != nil:
		// Any client can cause this repeatedly, so only the 1st, 2nd, 4th, 8th … is
		// logged.
		if c.stats.Failed++; c.stats.Failed&(c.stats.Failed-1) == 0 {
			c.log.Warn("DNS does not answer whether a client is a crawler", zap.Error(err), zap.Uint64("times", c.stats.Failed))
		}
		return c.answers.fail(ip, now)
	case len(is) > 0:
		c.stats.Verified++
		c.log.Debug("crawler verified", c.client(ip), zap.String("crawler", is[0].name))
	default:
		c.stats.Refuted++
		c.log.Debug("a client falsely claims to be a crawler", c.client(ip))
	}
	return c.answers.put(ip, is, now)
}

// release wakes the goroutines that wait for the answer about ip.
func (c *Checker) release(ip netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.asking[ip])
	delete(c.asking, ip)
}

// resolve asks DNS which crawlers ip belongs to. An error means that DNS has not
// answered.
func (c *Checker) resolve(ctx context.Context, ip netip.Addr) ([]*bot, error) {
	names, err := c.resolver.LookupAddr(ctx, ip.String())
	if len(names) == 0 && err != nil { // with names, the error is about other, malformed names
		return nil, unlessNone(fmt.Errorf("looking up the names of a client: %w", anonymous(err)))
	}
	var is []*bot
	var failure error
	for _, name := range names[:min(len(names), maxNames)] {
		host, ok := hostname(name)
		if !ok {
			continue
		}
		owners := c.owners(host)
		if len(owners) == 0 {
			continue
		}
		switch ok, err := c.confirms(ctx, host, ip); {
		case err != nil:
			failure = err
		case ok:
			is = append(is, owners...)
		}
	}
	if len(is) > 0 {
		return is, nil
	}
	return nil, failure
}

// owners returns the bots with a domain that contains host.
func (c *Checker) owners(host string) []*bot {
	var all []*bot
	for _, b := range c.bots {
		if b.owns(host) {
			all = append(all, b)
		}
	}
	return all
}

// confirms reports whether host has the address ip.
func (c *Checker) confirms(ctx context.Context, host string, ip netip.Addr) (bool, error) {
	network := "ip6"
	if ip.Is4() {
		network = "ip4"
	}
	// The dot at the end prevents the use of search domains.
	addrs, err := c.resolver.LookupNetIP(ctx, network, host+".")
	if err != nil {
		return false, unlessNone(fmt.Errorf("looking up the addresses of a client's name: %w", anonymous(err)))
	}
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap().WithZone("") == ip }), nil
}

// anonymous returns err without the question, which contains the address of a client.
func anonymous(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		bare := *dns
		bare.Name, bare.UnwrapErr = "it", nil
		return &bare
	}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	return fmt.Errorf("the resolver failed (%T)", err)
}

// client returns a log field with the address of a client.
func (c *Checker) client(ip netip.Addr) zap.Field {
	if c.bits == nil {
		return zap.Stringer("client", ip)
	}
	bits, bits6 := c.bits()
	if ip.Is6() {
		bits = bits6
	}
	if bits <= 0 {
		return zap.Skip()
	}
	return zap.Stringer("client", netip.PrefixFrom(ip, min(bits, ip.BitLen())).Masked())
}

// unlessNone returns err, or nil if it says that the name does not exist: that is an
// answer.
func unlessNone(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return nil
	}
	return err
}
