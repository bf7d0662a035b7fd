package page

var turkish = Words{
	Lang: "tr", Dir: "ltr",

	Title:     "Lütfen biraz bekleyin",
	Detail:    "Bu site, bot olmadığınızı doğruluyor. Tarayıcınız bunu kendiliğinden yapar.",
	DetailAsk: "Bu site, bot olmadığınızı doğruluyor.",
	Busy:      "Tarayıcınız denetleniyor…",
	Ask:       "Lütfen doğrulamayı tamamlayın.",
	Human:     "Ben robot değilim",
	Done:      "Doğrulama tamamlandı. Sayfa yükleniyor…",
	Lost:      "Doğrulama tamamlandı. Geri dönüp formunuzu yeniden gönderin.",
	Failed:    "Doğrulama başarısız oldu.",
	Blocked:   "Doğrulama yüklenemedi. Bir şey onu engelliyor olabilir.",
	Cookies:   "Tarayıcınız çerezleri saklamıyor. Lütfen bu site için çerezlere izin verin.",
	NoScript:  "Lütfen bu site için JavaScript’i açın ve sayfayı yeniden yükleyin.",
	Wait:      "Veya %s sonra düğmeye basın.",
	Early:     "Henüz erken. Düğmeye %s sonra basın.",
	Again:     "Yeniden dene",
	Continue:  "Devam et",
	Help:      "İlerleyemiyorsanız lütfen aşağıdaki referans kodunu site yöneticisine bildirin.",

	Denied:        "Erişim engellendi",
	DeniedText:    "Bu site şu anda ağ adresinizden gelen istekleri kabul etmiyor.",
	RefusedText:   "Bu site, içeriği veya gönderiliş biçimi nedeniyle bu isteği kabul etmiyor.",
	Unavailable:   "Kullanılamıyor",
	UncheckedText: "Bu site şu anda isteğinizi denetleyemiyor. Lütfen daha sonra yeniden deneyin.",
	GuardedText:   "Bu sayfaya şu anda çok fazla şüpheli istek geliyor. %s sonra yeniden deneyebilirsiniz.",
	UnmetText:     "Bu site, ağ adresinizden gelen istekleri burada denetleyemiyor. Önce ana sayfayı açın veya %s sonra yeniden deneyin.",
	TooMany:       "Çok fazla istek",
	TooManyText:   "Ağ adresinizden çok fazla istek geldi. %s sonra yeniden deneyebilirsiniz.",
	Mistake:       "Bunun bir hata olduğunu düşünüyorsanız lütfen aşağıdaki referans kodunu site yöneticisine bildirin.",

	Reference:   "Referans kodu",
	Contact:     "İletişim",
	Explanation: "Açıklama",
	Time:        "Zaman",

	second: []string{"%d saniye"},
	minute: []string{"%d dakika"},
	hour:   []string{"%d saat"},
	plural: onlyOther,
}
