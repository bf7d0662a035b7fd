package detect

import (
	"fmt"
	"testing"
)

// What is a code to log in by, and what is looked up.
func TestCodesThatAreLookedUp(t *testing.T) {
	for _, row := range []struct {
		name       string
		act        act
		kind, want string
	}{
		{"the number of a parcel that is not there", form("/track", "code=48291377", 404), kindLookup, loginFailure},
		{"one that is", form("/api/track", `{"code":"48291377"}`, 200).js().saying(`{"status":"ok"}`).typed(mediaJSON), kindLookup, loginFound},
		{"a voucher that is not there", form("/cart", "voucher=SPRING20", 422), kindLookup, loginFailure},
		{"a voucher that is not there, JSON", form("/cart", "voucher=SPRING20", 200).saying(`{"valid":false}`).typed(mediaJSON), kindLookup, loginFailure},
		{"a voucher that is there, JSON", form("/cart", "voucher=SPRING20", 200).saying(`{"valid":true}`).typed(mediaJSON), kindLookup, loginFound},
		{"a voucher that a shop does not take", form("/cart", "code=12345678", 302).to("/cart"), kindLookup, loginFailure},
		{"a voucher that leads on", form("/cart", "voucher=SPRING20", 303).to("/checkout"), kindLookup, loginFound},
		{"a voucher that is verified", form("/voucher/verify", "code=482913", 404), kindLookup, loginFailure},
		{"a page, where nothing tells", form("/track", "code=48291377", 200).saying("<p>On its way</p>").typed("text/html"), kindLookup, ""},

		{"a code to log in by", form("/login/verify", "code=482913", 422), kindCode, loginFailure},
		{"one of a second factor", form("/orders/otp", "code=482913", 404), kindCode, loginFailure},
		{"one that HTTP refuses", form("/api/confirm", `{"code":"482913"}`, 401).js(), kindCode, loginFailure},
		{"one whose field says so", form("/orders", "otp=482913", 404), kindCode, loginFailure},
		{"a number as a password", form("/door", "password=4829", 403), kindCode, loginFailure},
	} {
		fields := fieldsOf(row.act.event(began, false))
		if fields["Meta.login_kind"] != row.kind || fields["Meta.login"] != row.want {
			t.Errorf("%s: %q of kind %q, want %q of kind %q", row.name, fields["Meta.login"], fields["Meta.login_kind"], row.want, row.kind)
		}
		if row.kind == kindLookup && fields["Meta.login_place"] != "" {
			t.Errorf("%s: nobody logs in at %q", row.name, fields["Meta.login_place"])
		}
	}
}

// honestLookups are what hundreds of people behind one address look up.
func honestLookups() []conduct {
	var all []conduct
	add := func(name string, list []act) { all = append(all, conduct{name, by(chrome, list)}) }
	missing := func(i int) bool { return i*7%10 < 4 }
	add("numbers of parcels: 600 behind one address, four in ten not there yet", acts(600, 1, func(i int) act {
		if missing(i) {
			return form("/api/track", fmt.Sprintf(`{"code":"%08d"}`, 10000000+i*7919), 404).js()
		}
		return form("/api/track", fmt.Sprintf(`{"code":"%08d"}`, 10000000+i*7919), 200).js().saying(`{"status":"ok"}`).typed(mediaJSON)
	}))
	add("numbers of parcels on pages: 600 behind one address", acts(600, 1, func(i int) act {
		return form("/track", fmt.Sprintf("code=%08d", 10000000+i*7919), map[bool]int{true: 404, false: 200}[missing(i)]).saying("<p>Where it is</p>").typed("text/html")
	}))
	add("orders by number and PIN, one in three mistyped, each four seconds all day", acts(3000, 4, func(i int) act {
		return form("/order/status", fmt.Sprintf("order=%d&pin=%04d", i, i*37%10000), []int{403, 200, 200}[i%3])
	}))
	add("bookings that nobody finds, 40 in a quarter of an hour", acts(40, 22, func(i int) act {
		return form("/booking/find", fmt.Sprintf("code=%06d&name=p%d", 100000+i*7919, i), 404)
	}))
	add("lunch vouchers of a works canteen, at noon", acts(300, 0.8, func(i int) act {
		a := form("/voucher/redeem", fmt.Sprintf("voucher=LUNCH%05d", i*37), 302)
		return a.to([]string{"/voucher/redeem?error=used", "/voucher/thanks", "/voucher/thanks"}[i%3])
	}))
	add("a shop's checkout in an office, 200 and JSON", acts(200, 2, func(i int) act {
		return form("/cart/coupon", fmt.Sprintf("code=%06d", i*7919%1000000), 200).saying([]string{`{"valid":false}`, `{"valid":true}`}[i%2]).typed(mediaJSON)
	}))
	return all
}

// lookupAttacks guess codes, some with those that they know in between.
func lookupAttacks() []assault {
	var all []assault
	add := func(name string, by int, list []act) { all = append(all, assault{conduct{name, list}, by}) }
	miss := func(i int) act { return form("/cart/giftcard", fmt.Sprintf("giftcard=GC%08d", i*7919), 422) }
	add("gift cards", 32, acts(80, 0.2, miss))
	add("gift cards, and the one that he has after each", 67, mixed(acts(80, 0.2, miss), acts(80, 0.2, func(int) act {
		return form("/cart/giftcard", "giftcard=GC48291377", 200)
	})))
	add("gift cards, of which one in fifty is there", 80, acts(120, 0.2, func(i int) act {
		if i%50 == 49 {
			return form("/cart/giftcard", fmt.Sprintf("giftcard=GC%08d", i*7919), 200)
		}
		return miss(i)
	}))
	add("one-time codes, and parcels that are there in between", 40, mixed(acts(40, 0.5, func(i int) act {
		return form("/login/verify", fmt.Sprintf("code=%06d", i*7919), 422)
	}), acts(40, 0.5, func(i int) act {
		return form("/api/track", fmt.Sprintf(`{"code":"%08d"}`, 10000000+i*7919), 200).js().saying(`{"status":"ok"}`).typed(mediaJSON)
	})))
	return all
}
