/* The simulated Intel PKI. EVERYBODY KNOWS THESE PRIVATE KEYS: what they sign proves nothing, and
 * verifiers accept it only when told to, marked as simulated. Made once with openssl (P-256,
 * SHA-256, names, extensions and path lengths as in Intel's own chain), valid 1970 to 2099 so that
 * simulations may run at any time. SHA-256 of the root's DER:
 * eb9fdfe587cb0122a616a33052262b43bbc0cb294881ad6a29070e776f48c76a. */
#include "attest/sim/sim_dcap_keys.h"

/* clang-format off */
const struct sim_dcap_ca sim_dcap_root = {
    /* key */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglPhEtEao9LSEwyc6\n"
    "py2KuElPgTgYB/Gx4uLybA/D3ZuhRANCAAS7erDX/QZFn6LuKmztFZtkOTQ7Fav8\n"
    "R+nDbZfcuLl79NbBFsQaBt0UwOSncKh+vTr5+OqDeW0lEjexqd/ewZ91\n"
    "-----END PRIVATE KEY-----\n",
    /* certificate */
    "-----BEGIN CERTIFICATE-----\n"
    "MIICJjCCAcygAwIBAgIUSTKsflyR7zvt3lp390s+2HgstxkwCgYIKoZIzj0EAwIw\n"
    "SjEgMB4GA1UECgwXQmFpbGV5IHNpbXVsYXRlZCB2ZW5kb3IxJjAkBgNVBAMMHUlu\n"
    "dGVsIFNHWCBSb290IENBIChTSU1VTEFURUQpMCAXDTcwMDEwMTAwMDAwMFoYDzIw\n"
    "OTkxMjMxMjM1OTU5WjBKMSAwHgYDVQQKDBdCYWlsZXkgc2ltdWxhdGVkIHZlbmRv\n"
    "cjEmMCQGA1UEAwwdSW50ZWwgU0dYIFJvb3QgQ0EgKFNJTVVMQVRFRCkwWTATBgcq\n"
    "hkjOPQIBBggqhkjOPQMBBwNCAAS7erDX/QZFn6LuKmztFZtkOTQ7Fav8R+nDbZfc\n"
    "uLl79NbBFsQaBt0UwOSncKh+vTr5+OqDeW0lEjexqd/ewZ91o4GNMIGKMEUGA1Ud\n"
    "HwQ+MDwwOqA4oDaGNGh0dHBzOi8vY29sbGF0ZXJhbC5zaW11bGF0ZWQuaW52YWxp\n"
    "ZC9yb290X2NhX2NybC5kZXIwHQYDVR0OBBYEFEkyrH5cke877d5ad/dLPth4LLcZ\n"
    "MA4GA1UdDwEB/wQEAwIBBjASBgNVHRMBAf8ECDAGAQH/AgEBMAoGCCqGSM49BAMC\n"
    "A0gAMEUCIQDcaNAUGDzxTz/fIxEN799+C6wa5AlbzgNYwLmLMy3zbQIgLMyNle0w\n"
    "Tn8d87Kny2Ii81x4AiB0QzGe9TueNURGJPs=\n"
    "-----END CERTIFICATE-----\n"
};

const struct sim_dcap_ca sim_dcap_platform = {
    /* key */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+bgNrpRlRd5eLOGz\n"
    "fmISv50NVjndl0ZylAim883IJPihRANCAASwC6FuXed+sNW+X3Moh6p0TffkVV6E\n"
    "uJ1VOKZ6a+yKzpXtiBPUXfi9WaELCTJ1kKH9zaQe2qA4dHDrYDtJ0PuV\n"
    "-----END PRIVATE KEY-----\n",
    /* certificate */
    "-----BEGIN CERTIFICATE-----\n"
    "MIICTzCCAfWgAwIBAgIUFZ+XMsyFtiMSqGeJxLSiOoMT14QwCgYIKoZIzj0EAwIw\n"
    "SjEgMB4GA1UECgwXQmFpbGV5IHNpbXVsYXRlZCB2ZW5kb3IxJjAkBgNVBAMMHUlu\n"
    "dGVsIFNHWCBSb290IENBIChTSU1VTEFURUQpMCAXDTcwMDEwMTAwMDAwMFoYDzIw\n"
    "OTkxMjMxMjM1OTU5WjBSMSAwHgYDVQQKDBdCYWlsZXkgc2ltdWxhdGVkIHZlbmRv\n"
    "cjEuMCwGA1UEAwwlSW50ZWwgU0dYIFBDSyBQbGF0Zm9ybSBDQSAoU0lNVUxBVEVE\n"
    "KTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLALoW5d536w1b5fcyiHqnRN9+RV\n"
    "XoS4nVU4pnpr7IrOle2IE9Rd+L1ZoQsJMnWQof3NpB7aoDh0cOtgO0nQ+5Wjga4w\n"
    "gaswHwYDVR0jBBgwFoAUSTKsflyR7zvt3lp390s+2HgstxkwRQYDVR0fBD4wPDA6\n"
    "oDigNoY0aHR0cHM6Ly9jb2xsYXRlcmFsLnNpbXVsYXRlZC5pbnZhbGlkL3Jvb3Rf\n"
    "Y2FfY3JsLmRlcjAdBgNVHQ4EFgQUFZ+XMsyFtiMSqGeJxLSiOoMT14QwDgYDVR0P\n"
    "AQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQAwCgYIKoZIzj0EAwIDSAAwRQIh\n"
    "ALhS6az8kje8pmMUQbrbuAPnGQtDZGIvTYAKRSfZiIndAiBkJiV+naYUbKoUxuc1\n"
    "w2+aT5FEbrVDoElLY2wxRs4Siw==\n"
    "-----END CERTIFICATE-----\n"
};

const struct sim_dcap_ca sim_dcap_processor = {
    /* key */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5rXFzMhy0qblODhL\n"
    "bV2cJBrGaSClDkuR9PwuCMID+rihRANCAAS0V40dQ7zXQU+62McMqCFX8uzyPq5g\n"
    "o6Y7UlkUkfBeORz4RR9mHHFB1pQ2G3o/cFHJetNf9wSQZGEbc3OITSWQ\n"
    "-----END PRIVATE KEY-----\n",
    /* certificate */
    "-----BEGIN CERTIFICATE-----\n"
    "MIICUDCCAfegAwIBAgIVAPCRaP+suB/D7+39C+D1A5wLwsMUMAoGCCqGSM49BAMC\n"
    "MEoxIDAeBgNVBAoMF0JhaWxleSBzaW11bGF0ZWQgdmVuZG9yMSYwJAYDVQQDDB1J\n"
    "bnRlbCBTR1ggUm9vdCBDQSAoU0lNVUxBVEVEKTAgFw03MDAxMDEwMDAwMDBaGA8y\n"
    "MDk5MTIzMTIzNTk1OVowUzEgMB4GA1UECgwXQmFpbGV5IHNpbXVsYXRlZCB2ZW5k\n"
    "b3IxLzAtBgNVBAMMJkludGVsIFNHWCBQQ0sgUHJvY2Vzc29yIENBIChTSU1VTEFU\n"
    "RUQpMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtFeNHUO810FPutjHDKghV/Ls\n"
    "8j6uYKOmO1JZFJHwXjkc+EUfZhxxQdaUNht6P3BRyXrTX/cEkGRhG3NziE0lkKOB\n"
    "rjCBqzAfBgNVHSMEGDAWgBRJMqx+XJHvO+3eWnf3Sz7YeCy3GTBFBgNVHR8EPjA8\n"
    "MDqgOKA2hjRodHRwczovL2NvbGxhdGVyYWwuc2ltdWxhdGVkLmludmFsaWQvcm9v\n"
    "dF9jYV9jcmwuZGVyMB0GA1UdDgQWBBTwkWj/rLgfw+/t/Qvg9QOcC8LDFDAOBgNV\n"
    "HQ8BAf8EBAMCAQYwEgYDVR0TAQH/BAgwBgEB/wIBADAKBggqhkjOPQQDAgNHADBE\n"
    "AiB8rCiJPJ80Mlrw7YjJ8jAtzZHewJUCCb+LpVg1QXbj0AIgDZRmd5N0hKWMgKWL\n"
    "4tdWRZLJYw2IA0ITxMYpy8UdjSI=\n"
    "-----END CERTIFICATE-----\n"
};

const struct sim_dcap_ca sim_dcap_tcb_signing = {
    /* key */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVswRB686yTWieIH1\n"
    "GLn0JM3DSYxxBNWuUh0NefhwtnKhRANCAARP6W6KSQgur0XO5znBA5D/ijrvguGd\n"
    "FPLigE7mq0sw9YNNsnsxAPMbviyv2pdDyez4vvYA0rGbrlMnNmJyNRwG\n"
    "-----END PRIVATE KEY-----\n",
    /* certificate */
    "-----BEGIN CERTIFICATE-----\n"
    "MIICRjCCAeygAwIBAgIVAJTvbwnwtz6QOf4WLC2Zv9B+CkIjMAoGCCqGSM49BAMC\n"
    "MEoxIDAeBgNVBAoMF0JhaWxleSBzaW11bGF0ZWQgdmVuZG9yMSYwJAYDVQQDDB1J\n"
    "bnRlbCBTR1ggUm9vdCBDQSAoU0lNVUxBVEVEKTAgFw03MDAxMDEwMDAwMDBaGA8y\n"
    "MDk5MTIzMTIzNTk1OVowTjEgMB4GA1UECgwXQmFpbGV5IHNpbXVsYXRlZCB2ZW5k\n"
    "b3IxKjAoBgNVBAMMIUludGVsIFNHWCBUQ0IgU2lnbmluZyAoU0lNVUxBVEVEKTBZ\n"
    "MBMGByqGSM49AgEGCCqGSM49AwEHA0IABE/pbopJCC6vRc7nOcEDkP+KOu+C4Z0U\n"
    "8uKATuarSzD1g02yezEA8xu+LK/al0PJ7Pi+9gDSsZuuUyc2YnI1HAajgagwgaUw\n"
    "HwYDVR0jBBgwFoAUSTKsflyR7zvt3lp390s+2HgstxkwRQYDVR0fBD4wPDA6oDig\n"
    "NoY0aHR0cHM6Ly9jb2xsYXRlcmFsLnNpbXVsYXRlZC5pbnZhbGlkL3Jvb3RfY2Ff\n"
    "Y3JsLmRlcjAdBgNVHQ4EFgQUlO9vCfC3PpA5/hYsLZm/0H4KQiMwDgYDVR0PAQH/\n"
    "BAQDAgbAMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDSAAwRQIgCrVW1wyOZMtI\n"
    "D4uEXKD97o8fLOaJJw72pFY5C8a4tscCIQDj5uuqezZKs9jGDq4JmUM+eJleFi9P\n"
    "q7WzCK4d9Cro6Q==\n"
    "-----END CERTIFICATE-----\n"
};
/* clang-format on */
