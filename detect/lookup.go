package detect

import "net/http"

// People also look things up by a code, such as a voucher, or the number of a parcel, an
// order or a booking. Hundreds of people behind one address may do so, and many such codes
// do not exist yet or any more. So these codes are counted separately from login codes. A
// client that looks up its own codes finds most of them, and a client that guesses finds
// almost none.

// codeKind returns the kind of a code that was posted in its own field. It is for logging in
// if the field's name or the path shows it, or if the answer has the HTTP status for wrong
// credentials.
func (v *view) codeKind() string {
	if v.body.isFactor || takesCodes(v.path()) || v.evt.Status == http.StatusUnauthorized {
		return kindCode
	}
	return kindLookup
}

// lookupResult returns whether the site knows a code that was looked up.
func (v *view) lookupResult() string {
	switch result := v.codeOutcome(); {
	case result == loginFailure:
		return loginFailure
	case result == loginSuccess, v.isFine() && v.isPlace(placeDenies):
		return loginFound
	}
	return ""
}

// lookups are words in the paths of pages where people look up something.
var lookups = []string{
	"voucher", "coupon", "gift", "promo", "discount", "redeem", "gutschein", "track", "parcel", "package", "shipment", "shipping", "delivery", "sendung", "paket",
	"order", "booking", "reservation", "invoice",
}
