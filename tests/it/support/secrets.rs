//! Secrets that nobody may be told, as users and servers write them.

/// Well-formed and made up, put together here so that nobody's scanner takes them for real: what must not be told of
/// each, and the whole of it.
pub(crate) fn secrets() -> Vec<(String, String)> {
    let mut secrets: Vec<(String, String)> =
        prefixed().into_iter().map(|text| (text.clone(), text)).collect();
    secrets.extend(structured());
    secrets
}

fn of(parts: &[&str]) -> String {
    parts.concat()
}

fn prefixed() -> Vec<String> {
    let mut all = of_code_chat_and_money();
    all.extend(of_mail_clouds_and_people());
    all
}

fn of_code_chat_and_money() -> Vec<String> {
    vec![
        of(&["AK", "IA", &upper(16)]),
        of(&["AS", "IA", &upper(16)]),
        of(&["gh", "p_", &word(36)]),
        of(&["gh", "o_", &word(36)]),
        of(&["gh", "s_", &word(36)]),
        of(&["gh", "u_", &word(36)]),
        of(&["gh", "r_", &word(36)]),
        of(&["github", "_pat_", &word(22), "_", &word(59)]),
        of(&["gl", "pat-", &word(20)]),
        of(&["gl", "dt-", &word(20)]),
        of(&["xo", "xb-", "123456789012-123456789012-", &word(24)]),
        of(&["xo", "xp-", "123456789012-123456789012-", &hex(32)]),
        of(&["xo", "xa-", "2-123456789012-", &hex(32)]),
        of(&["xa", "pp-1-A0123456789-1234567890123-", &hex(64)]),
        of(&["https://hooks.", "slack.com/services/T00000000/B00000000/", &word(24)]),
        of(&["https://", "discord.com/api/webhooks/123456789012345678/", &word(68)]),
        of(&["s", "k-", &word(48)]),
        of(&["s", "k-proj-", &word(40), "_", &word(20)]),
        of(&["s", "k-ant-api03-", &word(80), "-AA"]),
        of(&["s", "k-or-v1-", &hex(64)]),
        of(&["gs", "k_", &word(52)]),
        of(&["xa", "i-", &word(80)]),
        of(&["pp", "lx-", &word(48)]),
        of(&["r", "8_", &word(37)]),
        of(&["h", "f_", &word(34)]),
        of(&["AI", "za", &word(35)]),
        of(&["ya", "29.", "a0", &word(60)]),
        of(&["GOC", "SPX-", &word(28)]),
        of(&["1/", "/0g", &word(40)]),
        of(&["sk", "_live_", &word(24)]),
        of(&["rk", "_live_", &word(24)]),
        of(&["sk", "_test_", &word(24)]),
        of(&["wh", "sec_", &word(32)]),
    ]
}

fn of_mail_clouds_and_people() -> Vec<String> {
    vec![
        of(&["S", "G.", &word(22), ".", &word(43)]),
        of(&["S", "K", &hex(32)]),
        of(&["A", "C", &hex(32)]),
        of(&["np", "m_", &word(36)]),
        of(&["py", "pi-AgEIcHlwaS5vcmc", &word(60)]),
        of(&["rub", "ygems_", &hex(48)]),
        of(&["dckr", "_pat_", &word(27)]),
        of(&["do", "p_v1_", &hex(64)]),
        of(&["da", "pi", &hex(32)]),
        of(&["sh", "pat_", &hex(32)]),
        of(&["sh", "pss_", &hex(32)]),
        of(&["ke", "y-", &hex(32)]),
        of(&[&hex(32), "-u", "s21"]),
        of(&["xke", "ysib-", &hex(64), "-", &word(16)]),
        of(&["NR", "AK-", &upper(27)]),
        of(&[&hex(36), "NR", "AL"]),
        of(&["sq", "0atp-", &word(22)]),
        of(&["sq", "0csp-", &word(43)]),
        of(&["12345", "67890:", "AA", &word(33)]),
        of(&["MTk", &word(21), ".", &word(6), ".", &word(27)]),
        of(&["hv", "s.", &word(24)]),
        of(&["gl", "sa_", &word(32), "_", &hex(8)]),
        of(&["lin", "_api_", &word(40)]),
        of(&["fi", "gd_", &word(40)]),
        of(&["nt", "n_", &word(46)]),
        of(&["PM", "AK-", &hex(24), "-", &hex(34)]),
        of(&["ATA", "TT3xFfGF0", &word(60)]),
        of(&["dp", ".pt.", &word(43)]),
        of(&["pat", "-na1-", "01234567-89ab-cdef-0123-456789abcdef"]),
        of(&["AGE", "-SECRET-KEY-1", &upper(58)]),
        of(&["ey", "JhbGciOiJIUzI1NiJ9.", "ey", "JzdWIiOiIxMjM0NTY3ODkwIn0.", &word(43)]),
        of(&["ey", "JhbGciOiJIUzI1NiIsInR5cCI6IkpX"]),
        "4111 1111 1111 1111".to_owned(),
        "4111111111111111".to_owned(),
        "5500-0000-0000-0004".to_owned(),
        "3782 822463 10005".to_owned(),
        "078-05-1120".to_owned(),
        "somebody@example.com".to_owned(),
        "some.body+tag@mail.example.co.uk".to_owned(),
    ]
}

fn structured() -> Vec<(String, String)> {
    let w = word(40);
    let body = word(64);
    let pair = |secret: &str, text: String| (secret.to_owned(), text);
    vec![
        pair(&w, format!("Bearer {w}")),
        pair("dXNlcjpwYXNzd29yZA==", "Basic dXNlcjpwYXNzd29yZA==".to_owned()),
        pair(
            &body,
            format!("-----BEGIN {} KEY-----\n{body}\n-----END {} KEY-----", "RSA PRIVATE", "RSA PRIVATE"),
        ),
        pair(&body, format!("-----BEGIN {} KEY-----\n{body}\n", "OPENSSH PRIVATE")),
        pair("hunter2", "postgres://admin:hunter2@db.internal:5432/app".to_owned()),
        pair("hunter2", "mongodb+srv://u:hunter2@cluster0.example.net/db".to_owned()),
        pair("hunter2", "redis://:hunter2@cache:6379/0".to_owned()),
        pair("hunter2", "https://user:hunter2@example.org/repo.git".to_owned()),
        pair(&w, format!("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={w}==;EndpointSuffix=x")),
        pair(&w, format!("Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey={w}=")),
        pair("hunter2", "Server=db;User Id=sa;Password=hunter2;Encrypt=true".to_owned()),
        pair(&w, format!("aws configure set secret {w}")),
        pair(&w, format!("aws_secret_access_key = {w}")),
        pair("hunter2", "password=hunter2".to_owned()),
        pair("hunter2", "PASSWORD: hunter2".to_owned()),
        pair("hunter2", "db_password => hunter2".to_owned()),
        pair("hunter2", "mysql --password hunter2 --host db".to_owned()),
        pair("hunter2", "the API key: hunter2".to_owned()),
        pair("hunter2", "<password>hunter2</password>".to_owned()),
        pair("hunter2", "Cookie: a=b; sid=hunter2; c=d".to_owned()),
        pair("hunter2", "https://example.com/cb?code=1&access_token=hunter2&state=x".to_owned()),
        pair("hunter2", "X-Api-Key: hunter2".to_owned()),
        pair("hunter2", "{'user': 'a', 'secret': 'hunter2'}".to_owned()),
    ]
}

/// `count` characters of `alphabet`, always the same and with no order to them.
fn some(alphabet: &str, count: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = 20_261_120_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    // One digit at least, as chance would have it.
    (0..count).map(|at| if at == 5 { '7' } else { letters[next() % letters.len()] }).collect()
}

/// `count` letters and digits, always the same.
pub(crate) fn word(count: usize) -> String {
    some("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", count)
}

fn hex(count: usize) -> String {
    some("0123456789abcdef", count)
}

fn upper(count: usize) -> String {
    some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count)
}
