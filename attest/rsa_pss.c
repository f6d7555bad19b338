#define OPENSSL_SUPPRESS_DEPRECATED /* RSA_public_decrypt(): a key through EVP costs ten times     \
                                       more */

#include "attest/rsa_pss.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "attest/der.h"
#include "attest/sha.h"

#define SALT 48

struct rsa_key {
    RSA *rsa;
    size_t size; /* of the modulus, in bytes */
};

/* rsaEncryption */
static const uint8_t rsa_encryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};

struct rsa_key *rsa_key_new(struct bytes modulus, struct bytes exponent)
{
    struct rsa_key *key;
    BIGNUM *n, *e;

    if (modulus.n < 128 || modulus.n > RSA_BITS_MAX / 8 || modulus.p[0] == 0 ||
        (modulus.p[modulus.n - 1] & 1) == 0 || exponent.n == 0 || exponent.n > 8 ||
        (exponent.p[exponent.n - 1] & 1) == 0)
        return NULL;
    key = calloc(1, sizeof *key);
    n = BN_bin2bn(modulus.p, (int)modulus.n, NULL);
    e = BN_bin2bn(exponent.p, (int)exponent.n, NULL);
    if (key != NULL && n != NULL && e != NULL && (key->rsa = RSA_new()) != NULL &&
        RSA_set0_key(key->rsa, n, e, NULL) == 1) {
        key->size = modulus.n;
        return key;
    }
    BN_free(n);
    BN_free(e);
    rsa_key_free(key);
    ERR_clear_error();
    return NULL;
}

void rsa_key_free(struct rsa_key *key)
{
    if (key == NULL)
        return;
    RSA_free(key->rsa);
    free(key);
}

bool rsa_spki_read(struct bytes spki, struct bytes *modulus, struct bytes *exponent)
{
    struct bytes info, algorithm, oid, nothing, bits, key, n, e;

    if (!der_only(spki, DER_SEQUENCE, &info) || !der_take(&info, DER_SEQUENCE, &algorithm) ||
        !der_only(info, DER_BIT_STRING, &bits) || !der_take(&algorithm, DER_OID, &oid) ||
        !bytes_equal(oid, BYTES_OF(rsa_encryption)) || !der_only(algorithm, DER_NULL, &nothing) ||
        nothing.n != 0 || bits.n < 1 || bits.p[0] != 0)
        return false;
    return der_only((struct bytes){bits.p + 1, bits.n - 1}, DER_SEQUENCE, &key) &&
           der_take(&key, DER_INTEGER, &n) && der_only(key, DER_INTEGER, &e) &&
           der_magnitude(n, modulus) && der_magnitude(e, exponent);
}

bool rsa_pss_verify(struct rsa_key *key, struct bytes message, struct bytes signature)
{
    uint8_t encoded[RSA_BITS_MAX / 8], hash[SHA_MAX];
    const EVP_MD *md = EVP_sha384();

    if (key == NULL || signature.n != key->size)
        return false;
    sha(SHA_384, &message, 1, hash);
    if (RSA_public_decrypt((int)signature.n, signature.p, encoded, key->rsa, RSA_NO_PADDING) ==
            (int)key->size &&
        RSA_verify_PKCS1_PSS_mgf1(key->rsa, hash, md, md, encoded, SALT) == 1)
        return true;
    ERR_clear_error();
    return false;
}
