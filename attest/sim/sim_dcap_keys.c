/* The simulated Intel PKI. EVERYBODY KNOWS THESE PRIVATE KEYS: what they sign proves nothing, and
 * verifiers accept it only when told to, marked as simulated. Made once with openssl (P-256,
 * SHA-256, names, extensions and path lengths as in Intel's own chain), valid 1970 to 2099 so that
 * simulations may run at any time. SHA-256 of the root's DER:
 * eb9fdfe587cb0122a616a33052262b43bbc0cb294881ad6a29070e776f48c76a. */
#include "attest/sim/sim_dcap_keys.h"

/* clang-format off */
const struct sim_dcap_ca sim_dcap_root = {
    /* key */
    {0x94, 0xf8, 0x44, 0xb4, 0x46, 0xa8, 0xf4, 0xb4, 0x84, 0xc3, 0x27, 0x3a,
     0xa7, 0x2d, 0x8a, 0xb8, 0x49, 0x4f, 0x81, 0x38, 0x18, 0x07, 0xf1, 0xb1,
     0xe2, 0xe2, 0xf2, 0x6c, 0x0f, 0xc3, 0xdd, 0x9b},
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
    {0xf9, 0xb8, 0x0d, 0xae, 0x94, 0x65, 0x45, 0xde, 0x5e, 0x2c, 0xe1, 0xb3,
     0x7e, 0x62, 0x12, 0xbf, 0x9d, 0x0d, 0x56, 0x39, 0xdd, 0x97, 0x46, 0x72,
     0x94, 0x08, 0xa6, 0xf3, 0xcd, 0xc8, 0x24, 0xf8},
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
    {0xe6, 0xb5, 0xc5, 0xcc, 0xc8, 0x72, 0xd2, 0xa6, 0xe5, 0x38, 0x38, 0x4b,
     0x6d, 0x5d, 0x9c, 0x24, 0x1a, 0xc6, 0x69, 0x20, 0xa5, 0x0e, 0x4b, 0x91,
     0xf4, 0xfc, 0x2e, 0x08, 0xc2, 0x03, 0xfa, 0xb8},
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
    {0x56, 0xcc, 0x11, 0x07, 0xaf, 0x3a, 0xc9, 0x35, 0xa2, 0x78, 0x81, 0xf5,
     0x18, 0xb9, 0xf4, 0x24, 0xcd, 0xc3, 0x49, 0x8c, 0x71, 0x04, 0xd5, 0xae,
     0x52, 0x1d, 0x0d, 0x79, 0xf8, 0x70, 0xb6, 0x72},
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
