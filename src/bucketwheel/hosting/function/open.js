
function handler(event) {
    try {
        return route(event.request);
    } catch (error) {
        return answer(400, 'Bad Request');
    }
}
