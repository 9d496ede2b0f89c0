//! Our pages in Russian.

use super::Words;

pub(super) static WORDS: Words = Words {
    lang: "ru",

    gone: "Ссылка больше не действует",
    gone_text: "Она уже использована, устарела или открыта в другом браузере. Вернитесь в приложение и начните заново.",
    bad_request: "Запрос непонятен",
    prefetched: "Этот адрес открывает человек, а не браузер заранее.",
    parameter_twice: "Параметр указан больше одного раза.",
    state_missing: "Не хватает параметра state.",
    decision_missing: "В форме должны быть поля csrf и decision, каждое по одному разу.",
    unknown_application: "Приложение, которое вас сюда направило, здесь неизвестно.",
    unknown_redirect_uri: "Вас отправили бы на адрес, который приложение не назвало своим.",
    not_a_form: "Тело запроса должно быть формой.",
    too_large: "Слишком много данных",
    too_large_text: "Форма больше, чем здесь принимают.",
    unavailable: "Сейчас недоступно",
    unavailable_text: |request_id| {
        format!("Ничего не потеряно. Попробуйте ещё раз через минуту. Номер запроса: {request_id}.")
    },
    internal: "Что-то пошло не так",
    internal_text: |request_id| {
        format!("Это ошибка на нашей стороне. Если будете сообщать о ней, назовите номер запроса: {request_id}.")
    },

    too_many: "Слишком много попыток",
    too_many_text: |minutes| format!("Попробуйте снова через {minutes} мин."),

    problem: "Ошибка",
    sign_in: "Вход",
    sign_in_login: "Идентификатор, эл. почта или телефон",
    sign_in_password: "Пароль",
    sign_in_button: "Войти",
    sign_in_refused: "Нет учётной записи с таким логином и паролем. Проверьте их и попробуйте ещё раз.",
    form_stale: "Страница была открыта слишком долго, или браузер не принимает файлы cookie. Попробуйте ещё раз.",
    sign_in_switch: "Войти под другим именем",
    nobody_signs_in: "Здесь никто не входит",
    nobody_signs_in_text: "У пользователей этого сервиса учётные записи в другом месте. Вернитесь в приложение, которое вас направило.",
    signed_in: "Вы вошли",
    signed_in_as: "Под именем",
    go_on: "Продолжить",
    sign_out: "Выйти",
    signed_out: "Вы вышли",
    signed_out_text: "В этом браузере здесь никто не вошёл.",

    confirm_title: |provider| format!("Подключить {provider}?"),
    confirm: |provider, client| format!("Подключить этот аккаунт {provider} к приложению «{client}»?"),
    confirm_account: "Аккаунт",
    confirm_provider: "Сервис",
    confirm_client: "Приложение",
    confirm_person: |provider| format!("Подключить этот аккаунт {provider} к вашему?"),
    confirm_yours: "Ваш аккаунт",
    confirm_nameless: "ваш аккаунт здесь, без имени",
    confirm_asked_by: "По просьбе",
    confirm_yes: "Подключить",
    cancel: "Отмена",
    confirm_warning: |client| {
        format!(
            "Продолжайте, только если вы сами начали это в приложении «{client}». Если вас сюда кто-то направил, нажмите «Отмена»."
        )
    },

    posted: "Минутку",
    posted_text: "Страница откроется сама. Если ничего не происходит, нажмите кнопку.",
    posted_go: "Продолжить",

    popup: "Это окно можно закрыть",
    popup_back: "Вернуться в приложение",
};
