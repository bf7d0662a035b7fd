// Finds the counter of an ALTCHA puzzle, version 2, with algorithm SHA-256 and cost 1.
// Browsers offer SHA-256 only over HTTPS, and for short messages theirs is slower than
// this, because each call is a promise.

// Returns a function that tries count counters, beginning with first. It also runs in
// workers, so it uses nothing from outside.
const search = () => {
	const I = Int32Array, K = new I(64), H = new I(64), W = new I(64);
	// The constants are the fractions of the roots of the first primes.
	for (let n = 2, i = 0; i < 64; n++) {
		let j = 2;
		while (n % j) j++;
		if (j < n) continue;
		H[i] = n ** .5 * 2 ** 32 | 0;
		K[i++] = n ** (1 / 3) * 2 ** 32 | 0;
	}
	const turn = (x, n) => x >>> n | x << 32 - n, words = s => s.match(/.{8}/g).map(w => parseInt(w, 16) | 0);
	return (p, at, count) => {
		const key = words(p.keyPrefix);
		// 16 bytes each, and 4 for the counter: 288 bits.
		W.set(words(p.salt + p.nonce));
		W[9] = 1 << 31;
		W[15] = 288;
		for (; count--; at++) {
			W[8] = at;
			// Destructuring H would double the total time, and so would an array of
			// numbers instead of it.
			let a = H[0], b = H[1], c = H[2], d = H[3], e = H[4], f = H[5], g = H[6], h = H[7];
			for (let i = 0; i < 64; i++) {
				if (i > 15) {
					const x = W[i - 15], y = W[i - 2];
					W[i] = W[i - 7] + W[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ x >>> 3) + (turn(y, 17) ^ turn(y, 19) ^ y >>> 10);
				}
				const t = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (g ^ e & (f ^ g)) + K[i] + W[i] | 0, u = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b | c & (a | b)) | 0;
				h = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
			}
			if (a + H[0] ^ key[0]) continue;
			const hex = [a, b, c, d, e, f, g, h].map((x, i) => (x + H[i] >>> 0).toString(16).padStart(8, 0)).join("");
			if (hex.startsWith(p.keyPrefix)) return {counter: at, derivedKey: hex};
		}
	};
};

begin(() => {
	let pool = [], next = 0, left = 0, late;
	const
		p = d.puzzle.parameters, part = 4e4,
		end = () => {
			pool.map(w => w.terminate());
			pool = [];
		},
		done = solution => {
			end();
			send(btoa(JSON.stringify({solution})));
		},
		// Each worker gets a part, and the next part when it has finished, so a slow
		// core does not delay the others.
		give = w => {
			w.postMessage([p, next, part]);
			bar.value = next += part;
			// With some browser extensions a worker neither answers nor fails. After a
			// while the page stops waiting for it.
			clearTimeout(late);
			late = setTimeout(() => pool[0] && alone(), 5e3);
		},
		// If workers cannot run, the page searches itself.
		alone = () => {
			end();
			next = 0;
			const run = search(), more = () => {
				const hit = run(p, next, part);
				bar.value = next += part;
				hit ? done(hit) : next < bar.max ? setTimeout(more) : fail();
			};
			more();
		};
	say(bar.getAttribute("aria-label"));
	try {
		const url = URL.createObjectURL(new Blob(["const run=(" + search + ")();onmessage=e=>postMessage(run(...e.data))"]));
		for (; left < Math.min(4, navigator.hardwareConcurrency || 1); left++) {
			const w = pool[left] = new Worker(url);
			w.onmessage = e => e.data ? done(e.data) : next < bar.max ? give(w) : --left || fail();
			w.onerror = () => pool[0] && alone();
			give(w);
		}
	} catch { alone() }
});
