//! What the dialect says of each refusal: code, type, words for developers and for users (`docs/condo-contract.md` 1.4, 3, 4, 6). How it
//! is shaped is another matter: REST and GraphQL each have their own envelope.

use serde_json::{Value, json};

use domain::account::AddressKind;
use domain::refusal::Refusal;
use settings::Locale;

/// The class of a failure; REST chooses its status by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 400.
    BadUserInput,
    /// 404.
    NotFound,
    /// 429.
    TooManyRequests,
    /// 500.
    InternalError,
}

impl Code {
    /// As clients read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::NotFound => "NOT_FOUND",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
}

/// Under which name the translated words are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `api.common.TYPE`.
    Common,
    /// `api.user.TYPE`.
    User,
    /// `api.user.<mutation>.TYPE`.
    Operation,
}

/// What is said of a refusal.
#[derive(Debug)]
pub struct Told {
    /// Its class.
    pub code: Code,
    /// Its name.
    pub kind: &'static str,
    /// Words for developers, with `{names}` to fill in.
    pub template: &'static str,
    /// What fills them in, in order.
    pub interpolation: Vec<(&'static str, Value)>,
    /// The argument at fault, as a path.
    pub variable: &'static [&'static str],
    /// What would be right.
    pub correct_example: Option<&'static str>,
    /// Words for users, in English and in Russian, with the same names; none where the source has none.
    pub for_user: Option<(Key, &'static str, &'static str)>,
}

impl Told {
    fn new(code: Code, kind: &'static str, template: &'static str) -> Self {
        Self { code, kind, template, interpolation: Vec::new(), variable: &[], correct_example: None, for_user: None }
    }

    fn bad(kind: &'static str, template: &'static str) -> Self {
        Self::new(Code::BadUserInput, kind, template)
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.interpolation.push((name, value.into()));
        self
    }

    fn at(mut self, variable: &'static [&'static str]) -> Self {
        self.variable = variable;
        self
    }

    fn like(mut self, example: &'static str) -> Self {
        self.correct_example = Some(example);
        self
    }

    fn user(mut self, key: Key, en: &'static str, ru: &'static str) -> Self {
        self.for_user = Some((key, en, ru));
        self
    }

    /// Words for developers.
    pub fn message(&self) -> String {
        self.fill(self.template)
    }

    /// Words for users, and the same with the names not filled in, in this language.
    pub fn message_for_user(&self, locale: Locale) -> Option<(String, &'static str)> {
        let (_, en, ru) = self.for_user?;
        let template = match locale {
            Locale::En => en,
            Locale::Ru => ru,
        };
        Some((self.fill(template), template))
    }

    fn fill(&self, template: &str) -> String {
        let mut filled = template.to_owned();
        for (name, value) in &self.interpolation {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            filled = filled.replace(&format!("{{{name}}}"), &text);
        }
        filled
    }
}

/// What is said of a refusal; `None` of the two that have an envelope of their own: nobody is signed in, access is denied.
#[expect(clippy::too_many_lines, reason = "one row a refusal: a table")]
pub fn told(refusal: &Refusal) -> Option<Told> {
    let told = match refusal {
        Refusal::NotAuthenticated | Refusal::AccessDenied | Refusal::Invalid { .. } => return None,
        Refusal::MissingQueryParameter(parameter) => {
            Told::bad("MISSING_QUERY_PARAMETER", "Query parameter \"{parameter}\" is missing in request")
                .with("parameter", *parameter)
        }
        Refusal::InvalidParameter(parameter) => {
            Told::bad("INVALID_PARAMETER", "Invalid {parameter}").with("parameter", *parameter)
        }
        Refusal::InvalidUserType => Told::bad(
            "INVALID_USER_TYPE",
            "Invalid user type provided. Expected to be one of the following: {allowedTypes}",
        )
        .with("allowedTypes", "resident, staff"),
        Refusal::NoUserTypeInCallback { provider } => Told::bad(
            "NO_USER_TYPE_IN_CALLBACK",
            "userType parameter was not found saved between requests, pass it via query parameters explicitly or visit /api/auth/{provider} first",
        )
        .with("provider", provider.as_str()),
        Refusal::ExternalIdentityBlocked => {
            Told::bad("EXTERNAL_IDENTITY_BLOCKED", "Its not possible to sign in using this account")
        }
        Refusal::PhoneConfirmationRequired { phone } => Told::bad(
            "PHONE_CONFIRMATION_REQUIRED",
            "Phone number must be verified to continue authorization. Verify it using startConfirmPhoneAction / completeConfirmPhoneAction mutations and provide verified token as \"{parameter}\" query-parameter",
        )
        .with("phone", phone.as_deref().map_or(Value::Null, |phone| json!(phone)))
        .with("parameter", "confirm_phone_action_token"),
        Refusal::EmailConfirmationRequired { email } => Told::bad(
            "EMAIL_CONFIRMATION_REQUIRED",
            "Email must be verified to continue authorization. Verify it using startConfirmEmailAction / \
             completeConfirmEmailAction mutations and provide verified token as \"{parameter}\" query-parameter",
        )
        .with("email", email.clone())
        .with("parameter", "confirm_email_action_token"),
        Refusal::UnknownProvider { provider } => {
            Told::new(Code::NotFound, "UNKNOWN_PROVIDER", "Unknown auth provider: {provider}")
                .with("provider", provider.as_str())
        }
        Refusal::InvalidUserData => {
            Told::new(Code::InternalError, "INVALID_USER_DATA", "Invalid user data received from auth provider")
        }
        Refusal::AuthorizationFailed => {
            Told::new(Code::InternalError, "AUTHORIZATION_FAILED", "Failed to authorize user")
        }
        Refusal::TooManyRequests { retry_after } => {
            let minutes = retry_after.as_millis().div_ceil(60_000).max(1);
            Told::bad("TOO_MANY_REQUESTS", "You have to wait {minutesRemaining} min. to be able to send request again")
                .with("minutesRemaining", u64::try_from(minutes).unwrap_or(u64::MAX))
                .user(
                    Key::User,
                    "You have to wait {minutesRemaining} min. to be able to send request again",
                    "Повторить запрос можно будет через {minutesRemaining} мин.",
                )
        }
        // When it ends is left unsaid, as in the source.
        Refusal::RateLimitExceeded { .. } => Told::new(
            Code::TooManyRequests,
            "RATE_LIMIT_EXCEEDED",
            "You've made too many requests recently, try again later",
        )
        .user(
            Key::Common,
            "You've made too many requests recently, try again later",
            "Слишком много запросов за последнее время, попробуйте позже",
        ),
        Refusal::ListTooSlow => Told::bad(
            "LIST_TOO_SLOW",
            "The list takes too long: ask by fewer conditions, by an id, or for fewer records",
        )
        .user(Key::Common, "The list takes too long", "Список загружается слишком долго"),
        Refusal::ListsBusy => Told::new(
            Code::TooManyRequests,
            "LISTS_BUSY",
            "Too many lists are waited for right now, try again in a few seconds",
        )
        .user(
            Key::Common,
            "The service is busy, try again in a few seconds",
            "Сервис занят, попробуйте через несколько секунд",
        ),
        Refusal::WrongPhoneFormat => Told::bad("WRONG_PHONE_FORMAT", "Wrong format of provided phone number")
            .at(&["data", "phone"])
            .like("+79991234567")
            .user(Key::Common, "Wrong phone number format", "Неверный формат номера телефона"),
        Refusal::AddressAndUserIdIsMissing(AddressKind::Email) => {
            Told::bad("EMAIL_AND_USER_ID_IS_MISSING", "Email or user id is missing").user(
                Key::Operation,
                "Email or user id is missing",
                "Не указан ни адрес электронной почты, ни пользователь",
            )
        }
        Refusal::AddressAndUserIdIsMissing(AddressKind::Phone) => {
            Told::bad("PHONE_AND_USER_ID_IS_MISSING", "Phone or user id is missing").user(
                Key::Operation,
                "Phone or user id is missing",
                "Не указан ни номер телефона, ни пользователь",
            )
        }
        Refusal::ShouldBeOneIdentifierOnly(AddressKind::Email) => Told::bad(
            "SHOULD_BE_ONE_IDENTIFIER_ONLY",
            "You need to pass either only the email or only the userId",
        )
        .user(
            Key::Operation,
            "Either an email or a user can be given, not both",
            "Укажите либо адрес электронной почты, либо пользователя, но не то и другое",
        ),
        Refusal::ShouldBeOneIdentifierOnly(AddressKind::Phone) => Told::bad(
            "SHOULD_BE_ONE_IDENTIFIER_ONLY",
            "You need to pass either only the phone or only the userId",
        )
        .user(
            Key::Operation,
            "Either a phone or a user can be given, not both",
            "Укажите либо номер телефона, либо пользователя, но не то и другое",
        ),
        Refusal::UnableToFindConfirmAction(AddressKind::Email) => Told::bad(
            "UNABLE_TO_FIND_CONFIRM_EMAIL_ACTION",
            "Confirm email action was expired or it could not be found. Try to initiate email confirmation again",
        )
        .at(&["data", "token"])
        .user(
            Key::User,
            "Unable to verify your email. Try again or ask our support",
            "Не удалось подтвердить адрес электронной почты. Попробуйте ещё раз или обратитесь в поддержку",
        ),
        Refusal::UnableToFindConfirmAction(AddressKind::Phone) => Told::bad(
            "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION",
            "Confirm phone action was expired or it could not be found. Try to initiate phone confirmation again",
        )
        .at(&["data", "token"])
        .user(
            Key::User,
            "Unable to verify your phone number. Try again or ask our support",
            "Не удалось подтвердить номер телефона. Попробуйте ещё раз или обратитесь в поддержку",
        ),
        Refusal::CodeExpired(AddressKind::Email) => {
            Told::bad("EMAIL_CODE_EXPIRED", "Email code expired. Try to initiate email confirmation again")
                .at(&["data", "secretCode"])
                .user(
                    Key::Operation,
                    "Email code expired, try to verify email again",
                    "Срок действия кода истёк, подтвердите адрес электронной почты заново",
                )
        }
        Refusal::CodeExpired(AddressKind::Phone) => {
            Told::bad("SMS_CODE_EXPIRED", "SMS code expired. Try to initiate phone confirmation again")
                .at(&["data", "smsCode"])
                .user(
                    Key::Operation,
                    "SMS code expired, try to verify phone number again",
                    "Срок действия кода истёк, подтвердите номер телефона заново",
                )
        }
        Refusal::CodeMaxRetriesReached(AddressKind::Email) => Told::bad(
            "EMAIL_CODE_MAX_RETRIES_REACHED",
            "Max retries reached for email confirmation. Try to initiate email confirmation again",
        )
        .at(&["data", "secretCode"])
        .user(
            Key::Operation,
            "Too many wrong codes, try to verify email again",
            "Слишком много неверных кодов, подтвердите адрес электронной почты заново",
        ),
        Refusal::CodeMaxRetriesReached(AddressKind::Phone) => Told::bad(
            "SMS_CODE_MAX_RETRIES_REACHED",
            "Max retries reached for SMS code confirmation. Try to initiate phone confirmation again",
        )
        .at(&["data", "smsCode"])
        .user(
            Key::Operation,
            "Too many wrong codes, try to verify phone number again",
            "Слишком много неверных кодов, подтвердите номер телефона заново",
        ),
        Refusal::CodeVerificationFailed(AddressKind::Email) => {
            Told::bad("EMAIL_CODE_VERIFICATION_FAILED", "Code verification mismatch")
                .at(&["data", "secretCode"])
                .user(Key::Operation, "Wrong code", "Неверный код")
        }
        Refusal::CodeVerificationFailed(AddressKind::Phone) => {
            Told::bad("SMS_CODE_VERIFICATION_FAILED", "SMS code verification mismatch")
                .at(&["data", "smsCode"])
                .user(Key::Operation, "Wrong SMS code", "Неверный код из СМС")
        }
        Refusal::SmsForPhoneDayLimitReached => Told::bad(
            "SMS_FOR_PHONE_DAY_LIMIT_REACHED",
            "Too many sms requests for this phone number. Try again tomorrow",
        )
        .user(
            Key::User,
            "Too many sms requests for this phone number. Try again tomorrow",
            "Слишком много СМС на этот номер телефона. Попробуйте завтра",
        ),
        Refusal::SmsForIpDayLimitReached { .. } => Told::bad(
            "SMS_FOR_IP_DAY_LIMIT_REACHED",
            "Too many sms requests from this ip address. Try again tomorrow",
        )
        .user(
            Key::User,
            "Too many sms requests. Try again tomorrow",
            "Слишком много запросов СМС. Попробуйте завтра",
        ),
        Refusal::MessagesNotConfigured(AddressKind::Email) => Told::new(
            Code::InternalError,
            "EMAIL_NOT_CONFIGURED",
            "No message can be sent: the operator of this service has configured no [email]",
        )
        .user(
            Key::User,
            "E-mail addresses can't be confirmed here. Ask our support",
            "Подтверждение адреса электронной почты здесь не настроено. Обратитесь в поддержку",
        ),
        Refusal::MessagesNotConfigured(AddressKind::Phone) => Told::new(
            Code::InternalError,
            "SMS_NOT_CONFIGURED",
            "No message can be sent: the operator of this service has configured no [sms]",
        )
        .user(
            Key::User,
            "Phone numbers can't be confirmed here. Ask our support",
            "Подтверждение номера телефона здесь не настроено. Обратитесь в поддержку",
        ),
        Refusal::MessageNotSent(to) => {
            let kind = match to {
                AddressKind::Email => "EMAIL_NOT_SENT",
                AddressKind::Phone => "SMS_NOT_SENT",
            };
            Told::new(Code::InternalError, kind, "The message could not be sent").user(
                Key::User,
                "The message could not be sent. Try again later",
                "Не удалось отправить сообщение. Попробуйте позже",
            )
        }
        Refusal::WrongEmailValue => Told::bad("WRONG_EMAIL_VALUE", "Wrong format of provided email")
            .at(&["data", "email"])
            .like("example@example.com")
            .user(Key::Operation, "Wrong format of provided email", "Неверный формат адреса электронной почты"),
        Refusal::WrongCredentials(AddressKind::Email) => Told::bad("WRONG_CREDENTIALS", "Wrong email or password").user(
            Key::Operation,
            "Wrong email or password",
            "Неверный адрес электронной почты или пароль",
        ),
        Refusal::WrongCredentials(AddressKind::Phone) => Told::bad("WRONG_CREDENTIALS", "Wrong phone or password").user(
            Key::Operation,
            "Wrong phone or password",
            "Неверный номер телефона или пароль",
        ),
        Refusal::NotEnoughAuthFactors(_) => Told::bad("NOT_ENOUGH_AUTH_FACTORS", "Not enough auth factors").user(
            Key::User,
            "Not enough auth factors",
            "Недостаточно факторов аутентификации",
        ),
        Refusal::DvVersionMismatch => {
            Told::bad("DV_VERSION_MISMATCH", "Wrong value for data version number").at(&["data", "dv"])
        }
        Refusal::WrongSenderFormat { details } => {
            Told::bad("WRONG_FORMAT", "Invalid format of \"sender\" field value. {details}")
                .with("details", details.as_str())
                .at(&["data", "sender"])
                .like(r#"{ "dv": 1, "fingerprint": "uniq-device-or-container-id" }"#)
        }
        Refusal::UserAlreadyExists { field } => Told::new(
            Code::InternalError,
            "SUB_GQL_ERROR",
            match *field {
                "phone" => "[unique:phone:multipleFound] user already exists",
                _ => "[unique:email:multipleFound] user already exists",
            },
        ),
    };
    Some(told)
}
