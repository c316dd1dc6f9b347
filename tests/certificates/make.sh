#!/bin/sh
# Makes the certificates of the tests: elliptic keys, valid for a hundred years, worth nothing.
set -eu
cd "$(dirname "$0")"

authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -sha256 \
        -subj "/CN=$2" -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$1.key" -out "$1.pem"
}

# signed <file> <authority> <subject> <alternative names> <use>
signed() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 \
        -subj "/CN=$3" -keyout "$1.key" -out "$1.csr"
    printf 'subjectAltName=%s\nextendedKeyUsage=%s\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n' \
        "$4" "$5" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -days 36500 -sha256 \
        -extfile "$1.ext" -out "$1.crt"
    cat "$1.key" "$1.crt" > "$1.pem"
    rm "$1.key" "$1.crt" "$1.csr" "$1.ext"
}

authority authority "asyncioxide test authority"
authority stranger "another authority"
signed localhost authority localhost "DNS:localhost,IP:127.0.0.1,IP:::1" serverAuth
signed example authority example.org "DNS:example.org" serverAuth
signed client authority "a client" "email:client@example.org" clientAuth
rm -f authority.key stranger.key ./*.srl
